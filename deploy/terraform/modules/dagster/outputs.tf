output "page" {
  description = "Where Dagster is, from inside of the VPC."
  value       = "http://webserver.${var.name}.internal:3000"
}

output "run_role_arn" {
  description = "Role of the code location and of its runs."
  value       = aws_iam_role.run.arn
}

output "security_group_id" {
  description = "Security group of the tasks."
  value       = aws_security_group.tasks.id
}
