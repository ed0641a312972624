# What each function may do: the one that reads the source cannot reach the warehouse, the one that builds it cannot
# write the lake and knows no secret.

locals {
  assumed_by_lambda = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })

  # interfaces in a VPC have no ARN before they are there
  stands_in_vpc = var.network == null ? [] : [{
    Sid      = "StandInTheVpc"
    Effect   = "Allow"
    Action   = ["ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"]
    Resource = "*"
  }]

  # of every role its own log, and no other
  logs = { for name, group in { extract = aws_cloudwatch_log_group.extract, transform = one(aws_cloudwatch_log_group.transform) } : name => {
    Sid      = "OwnLog"
    Effect   = "Allow"
    Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    Resource = "${group.arn}:*"
  } if group != null }

  key = {
    Sid      = "Key"
    Effect   = "Allow"
    Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
    Resource = var.kms_key_arn
  }

  tell_failures = {
    Sid      = "KeepWhatFailed"
    Effect   = "Allow"
    Action   = "sqs:SendMessage"
    Resource = aws_sqs_queue.failed.arn
  }
}

resource "aws_iam_role" "extract" {
  name               = local.extract
  description        = "Reads the source and writes the lake"
  assume_role_policy = local.assumed_by_lambda
}

resource "aws_iam_role_policy" "extract" {
  #checkov:skip=CKV_AWS_355:interfaces in a VPC have no ARN before they are there
  #checkov:skip=CKV_AWS_290:interfaces in a VPC have no ARN before they are there
  name = local.extract
  role = aws_iam_role.extract.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        # of the whole bucket: with a condition on the prefix S3 would say "denied" of an object that is not there
        Sid      = "FindRawObjects"
        Effect   = "Allow"
        Action   = "s3:ListBucket"
        Resource = var.lake.arn
      },
      {
        # a replaced object is an older version: nobody here can remove one
        Sid      = "WriteRawObjects"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"]
        Resource = "${var.lake.arn}/raw/*"
      },
      {
        Sid      = "TidyUpPieces"
        Effect   = "Allow"
        Action   = "s3:DeleteObject"
        Resource = "${var.lake.arn}/raw/_staging/*"
      },
      {
        Sid      = "TellWhoCalled"
        Effect   = "Allow"
        Action   = "s3:PutObject"
        Resource = "${var.messages.arn}/*"
      },
      {
        Sid      = "AddressOfTheSource"
        Effect   = "Allow"
        Action   = "secretsmanager:GetSecretValue"
        Resource = compact([var.source_secret_arn, var.hash_key_secret_arn])
      },
      local.key,
      local.tell_failures,
      local.logs.extract,
      ],
      [for each in aws_lambda_function.transform : {
        Sid      = "ThenTheWarehouse"
        Effect   = "Allow"
        Action   = "lambda:InvokeFunction"
        Resource = each.arn
      }],
    local.stands_in_vpc)
  })
}

resource "aws_iam_role" "transform" {
  count = var.transform == null ? 0 : 1

  name               = local.transform
  description        = "Reads the lake and writes the warehouse"
  assume_role_policy = local.assumed_by_lambda
}

resource "aws_iam_role_policy" "transform" {
  #checkov:skip=CKV_AWS_355:interfaces in a VPC have no ARN before they are there
  #checkov:skip=CKV_AWS_290:interfaces in a VPC have no ARN before they are there
  count = var.transform == null ? 0 : 1

  name = local.transform
  role = aws_iam_role.transform[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      local.builds_the_warehouse,
      [local.key, local.tell_failures, local.logs.transform],
      local.stands_in_vpc,
    )
  })
}
