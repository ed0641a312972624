output "role_arn" {
  description = "Role of the schedule."
  value       = aws_iam_role.scheduler.arn
}
