resource "aws_iam_role" "scheduler" {
  name        = "${var.name}-scheduler"
  description = "Calls the function that reads the source"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      # no schedule of another account can borrow it
      Condition = { StringEquals = { "aws:SourceAccount" = var.place.account } }
    }]
  })
}

resource "aws_iam_role_policy" "scheduler" {
  name = "${var.name}-scheduler"
  role = aws_iam_role.scheduler.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "CallTheFunction", Effect = "Allow", Action = "lambda:InvokeFunction", Resource = var.function_arn },
      { Sid = "KeepWhatFailed", Effect = "Allow", Action = "sqs:SendMessage", Resource = var.failed_calls_arn },
      { Sid = "Key", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = var.kms_key_arn },
    ]
  })
}
