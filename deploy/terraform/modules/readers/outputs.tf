output "policy_arn" {
  description = "Policy to attach to the role of analysts."
  value       = aws_iam_policy.readers.arn
}
