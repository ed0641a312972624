output "address" {
  description = "Host of the database."
  value       = aws_db_instance.this.address
}

output "security_group_id" {
  description = "Security group of the database."
  value       = aws_security_group.this.id
}

output "master_secret_arn" {
  description = "Secret with the administrator's password, with which a reader is made (README)."
  value       = one(aws_db_instance.this.master_user_secret[*].secret_arn)
}
