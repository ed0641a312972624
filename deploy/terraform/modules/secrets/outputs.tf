output "source_arn" {
  description = "ARN of the secret with the address of the source."
  value       = aws_secretsmanager_secret.source.arn
}

output "hash_key_arn" {
  description = "ARN of the secret with the hash key; null when there is none."
  value       = one(aws_secretsmanager_secret.hash_key[*].arn)
}
