output "extract" {
  description = "The function that reads the source."
  value = {
    name    = aws_lambda_function.extract.function_name
    arn     = aws_lambda_function.extract.arn
    timeout = var.extract.timeout
    role    = aws_iam_role.extract.arn
  }
}

output "transform" {
  description = "The function that builds the warehouse; null when there is none."
  value = var.transform == null ? null : {
    name    = aws_lambda_function.transform[0].function_name
    arn     = aws_lambda_function.transform[0].arn
    timeout = var.transform.timeout
    role    = aws_iam_role.transform[0].arn
  }
}

output "failed_calls" {
  description = "The queue of calls that failed for good."
  value       = { name = aws_sqs_queue.failed.name, arn = aws_sqs_queue.failed.arn, url = aws_sqs_queue.failed.id }
}

output "builds_the_warehouse" {
  description = "Statements of a policy for whoever builds the warehouse."
  value       = local.builds_the_warehouse
}
