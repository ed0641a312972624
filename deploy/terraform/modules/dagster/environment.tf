# What the services are told; deploy/README.md says what each variable is.

locals {
  code_host = "code.${var.name}.internal"
  # RDS keeps the password as a field of a secret of its own
  postgres_password = "${local.postgres_secret}:password::"
  postgres_secret   = one(aws_db_instance.this.master_user_secret[*].secret_arn)

  # only a run that reads the source itself is told its address
  run_secrets = var.runner == "lambda" ? {} : merge(
    { REFERA_CLASSICMODELS_URL = var.source_secret_arn },
    var.hash_key_secret_arn == null ? {} : { REFERA_HASH_KEY = var.hash_key_secret_arn },
  )

  # what the launcher hands on to runs
  settings = {
    REFERA_STAGE          = "production"
    REFERA_LAKE           = "s3://${var.lake.name}/raw"
    REFERA_WAREHOUSE      = "s3://${var.warehouse.name}/warehouse"
    REFERA_S3_REGION      = var.place.region
    REFERA_GLUE_DATABASE  = var.glue_database == null ? "" : var.glue_database
    REFERA_TIME_ZONE      = var.time_zone
    REFERA_FIRST_DAY      = var.first_day
    REFERA_MEMORY_LIMIT   = "5GB"
    REFERA_PREVIEWS       = "off"
    REFERA_RUNNER         = var.runner
    REFERA_LAMBDA_EXTRACT = var.extract.arn
    REFERA_MESSAGES       = "s3://${var.messages.name}"
  }

  environment = merge(local.settings, {
    DAGSTER_HOME          = "/opt/dagster-ecs"
    DAGSTER_POSTGRES_HOST = aws_db_instance.this.address
    DAGSTER_POSTGRES_PORT = tostring(aws_db_instance.this.port)
    DAGSTER_POSTGRES_USER = aws_db_instance.this.username
    DAGSTER_POSTGRES_DB   = aws_db_instance.this.db_name
    PGSSLMODE             = "require"
    DAGSTER_LOGS_BUCKET   = module.logs.name
    DAGSTER_LOGS_PREFIX   = "dagster-logs"
    REFERA_CODE_HOST      = local.code_host
    REFERA_CODE_PORT      = "4000"

    REFERA_ECS_LOG_GROUP             = aws_cloudwatch_log_group.this.name
    REFERA_ECS_EXECUTION_ROLE        = aws_iam_role.execution.arn
    REFERA_ECS_RUN_ROLE              = aws_iam_role.run.arn
    REFERA_ECS_POSTGRES_PASSWORD_ARN = local.postgres_password
  })

  code_environment = {
    DAGSTER_CONTAINER_IMAGE = var.images.code
    DAGSTER_CONTAINER_CONTEXT = jsonencode({
      ecs = { secrets = [for name, arn in local.run_secrets : { name = name, valueFrom = arn }] }
    })
    REFERA_UI_URL = "http://webserver.${var.name}.internal:3000"
  }
}
