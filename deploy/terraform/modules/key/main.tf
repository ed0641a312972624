# One key for everything that is kept: objects, secrets, logs, queues and topics.

resource "aws_kms_key" "this" {
  description             = "What ${var.name} keeps: objects, secrets, logs, queues"
  enable_key_rotation     = true
  deletion_window_in_days = 30

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # who may use it is said by the roles of the account, each for itself
        Sid       = "RolesOfTheAccount"
        Effect    = "Allow"
        Principal = { AWS = "arn:${var.place.partition}:iam::${var.place.account}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "LogGroups"
        Effect    = "Allow"
        Principal = { Service = "logs.${var.place.region}.amazonaws.com" }
        Action    = ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
        Resource  = "*"
        Condition = {
          ArnLike = { "kms:EncryptionContext:aws:logs:arn" = "arn:${var.place.partition}:logs:${var.place.region}:${var.place.account}:log-group:*" }
        }
      },
      {
        # alarms and budgets speak through a topic that is encrypted with it
        Sid       = "Alarms"
        Effect    = "Allow"
        Principal = { Service = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"] }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = var.place.account } }
      },
    ]
  })
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this.key_id
}
