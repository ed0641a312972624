# The two functions, and what follows a call that nobody waits for: transform after extract, the queue after a failure.

locals {
  extract   = "${var.name}-extract"
  transform = "${var.name}-transform"

  shared = {
    REFERA_STAGE     = "production"
    REFERA_LAKE      = "s3://${var.lake.name}/raw"
    REFERA_WAREHOUSE = "s3://${var.warehouse.name}/warehouse"
    REFERA_TIME_ZONE = var.time_zone
    REFERA_FIRST_DAY = var.first_day
  }
}

resource "aws_cloudwatch_log_group" "extract" {
  name              = "/aws/lambda/${local.extract}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_cloudwatch_log_group" "transform" {
  count = var.transform == null ? 0 : 1

  name              = "/aws/lambda/${local.transform}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_lambda_function" "extract" {
  #checkov:skip=CKV_AWS_115:a share of the account's concurrency is a setting: new accounts have ten in all, of which none can be reserved
  #checkov:skip=CKV_AWS_116:what failed goes to the queue as the destination of failures, which keeps the answer beside the event
  #checkov:skip=CKV_AWS_50:the log says of each call what it did and how long, and there is no chain of services to trace
  #checkov:skip=CKV_AWS_117:a source that has no VPC is read without one; with network the functions stand in it
  #checkov:skip=CKV_AWS_272:a package is named by its hash, an image by its digest
  function_name = local.extract
  description   = "What changed in the source, into the lake"
  role          = aws_iam_role.extract.arn
  architectures = [var.architecture]
  timeout       = var.extract.timeout
  memory_size   = var.extract.memory
  kms_key_arn   = var.kms_key_arn

  package_type      = var.extract.image == null ? "Zip" : "Image"
  image_uri         = var.extract.image
  s3_bucket         = try(var.extract.zip.bucket, null)
  s3_key            = try(var.extract.zip.key, null)
  s3_object_version = try(var.extract.zip.version, null)
  handler           = var.extract.image == null ? "refera_platform.runners.aws_lambda.handler.handler" : null
  runtime           = var.extract.image == null ? "python3.12" : null

  reserved_concurrent_executions = var.extract.reserved_concurrency

  ephemeral_storage {
    size = var.extract.storage
  }

  environment {
    variables = merge(
      local.shared,
      { REFERA_CLASSICMODELS_SECRET = var.source_secret_arn, REFERA_MESSAGES = "s3://${var.messages.name}" },
      var.hash_key_secret_arn == null ? {} : { REFERA_HASH_KEY_SECRET = var.hash_key_secret_arn },
      var.extract.piece_rows == null ? {} : { REFERA_PIECE_ROWS = tostring(var.extract.piece_rows) },
    )
  }

  dynamic "vpc_config" {
    for_each = var.network == null ? [] : [var.network]

    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  # a function that runs before its log group is there makes one that keeps everything for ever
  depends_on = [aws_cloudwatch_log_group.extract, aws_iam_role_policy.extract]
}

resource "aws_lambda_function" "transform" {
  #checkov:skip=CKV_AWS_115:a share of the account's concurrency is a setting: new accounts have ten in all, of which none can be reserved
  #checkov:skip=CKV_AWS_116:what failed goes to the queue as the destination of failures, which keeps the answer beside the event
  #checkov:skip=CKV_AWS_50:the log says of each call what it did and how long, and there is no chain of services to trace
  #checkov:skip=CKV_AWS_117:with network the functions stand in it
  #checkov:skip=CKV_AWS_272:an image is named by its digest
  count = var.transform == null ? 0 : 1

  function_name = local.transform
  description   = "dbt's models and tests from the lake to the warehouse"
  role          = aws_iam_role.transform[0].arn
  architectures = [var.architecture]
  timeout       = var.transform.timeout
  memory_size   = var.transform.memory
  kms_key_arn   = var.kms_key_arn

  package_type = "Image"
  image_uri    = var.transform.image

  reserved_concurrent_executions = var.transform.reserved_concurrency

  ephemeral_storage {
    size = var.transform.storage
  }

  environment {
    variables = merge(
      local.shared,
      var.glue_database == null ? {} : { REFERA_GLUE_DATABASE = var.glue_database },
    )
  }

  dynamic "vpc_config" {
    for_each = var.network == null ? [] : [var.network]

    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  depends_on = [aws_cloudwatch_log_group.transform, aws_iam_role_policy.transform]
}

resource "aws_lambda_function_event_invoke_config" "extract" {
  function_name                = aws_lambda_function.extract.function_name
  maximum_retry_attempts       = 2
  maximum_event_age_in_seconds = 6 * 60 * 60

  destination_config {
    on_failure {
      destination = aws_sqs_queue.failed.arn
    }

    dynamic "on_success" {
      for_each = aws_lambda_function.transform

      content {
        destination = on_success.value.arn
      }
    }
  }

  # Lambda looks whether the role may call what it names
  depends_on = [aws_iam_role_policy.extract]
}

resource "aws_lambda_function_event_invoke_config" "transform" {
  count = var.transform == null ? 0 : 1

  function_name                = aws_lambda_function.transform[0].function_name
  maximum_retry_attempts       = 2
  maximum_event_age_in_seconds = 6 * 60 * 60

  destination_config {
    on_failure {
      destination = aws_sqs_queue.failed.arn
    }
  }

  depends_on = [aws_iam_role_policy.transform]
}

resource "aws_sqs_queue" "failed" {
  name                              = "${var.name}-failed-calls"
  message_retention_seconds         = 14 * 24 * 60 * 60
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = 3600
}
