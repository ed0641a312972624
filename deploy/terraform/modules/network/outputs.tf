output "security_group_id" {
  description = "Security group of the functions: what the database must let in."
  value       = aws_security_group.functions.id
}
