output "topic_arn" {
  description = "What alarms speak through; subscribe a chat or a pager to it."
  value       = aws_sns_topic.this.arn
}
