# execution: pulls images, writes logs, hands secrets over. run: the code location and its runs. daemon: starts runs.

locals {
  assumed_by_tasks = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = var.place.account } }
    }]
  })

  # ECS takes a field of a secret behind its ARN, and IAM does not
  code_secrets = [for arn in values(var.code_secrets) : join(":", slice(split(":", arn), 0, 7))]

  key = { Sid = "Key", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = var.kms_key_arn }

  step_logs = [
    { Sid = "FindStepLogs", Effect = "Allow", Action = "s3:ListBucket", Resource = module.logs.arn },
    { Sid = "ReadStepLogs", Effect = "Allow", Action = "s3:GetObject", Resource = "${module.logs.arn}/dagster-logs/*" },
  ]
}

locals {
  reads_by_function = [
    { Sid = "CallTheFunction", Effect = "Allow", Action = "lambda:InvokeFunction", Resource = var.extract.arn },
    { Sid = "FindMessages", Effect = "Allow", Action = "s3:ListBucket", Resource = var.messages.arn },
    { Sid = "HearMessages", Effect = "Allow", Action = "s3:GetObject", Resource = "${var.messages.arn}/*" },
  ]

  reads_itself = [
    { Sid = "WriteRawObjects", Effect = "Allow", Action = ["s3:PutObject", "s3:AbortMultipartUpload"], Resource = "${var.lake.arn}/raw/*" },
    { Sid = "TidyUpStaging", Effect = "Allow", Action = "s3:DeleteObject", Resource = "${var.lake.arn}/raw/_staging/*" },
  ]
}

resource "aws_iam_role" "execution" {
  name               = "${var.name}-dagster-execution"
  description        = "Starts tasks: images, logs, secrets"
  assume_role_policy = local.assumed_by_tasks
}

resource "aws_iam_role_policy" "execution" {
  #checkov:skip=CKV_AWS_355:a token of ECR is for the whole registry
  name = "${var.name}-dagster-execution"
  role = aws_iam_role.execution.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "LogInToRegistry", Effect = "Allow", Action = "ecr:GetAuthorizationToken", Resource = "*" },
      { Sid = "PullImages", Effect = "Allow", Action = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"], Resource = var.repository_arns },
      { Sid = "WriteLogs", Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = "${aws_cloudwatch_log_group.this.arn}:*" },
      { Sid = "HandSecretsOver", Effect = "Allow", Action = "secretsmanager:GetSecretValue", Resource = concat([local.postgres_secret], values(local.run_secrets), local.code_secrets) },
      { Sid = "Key", Effect = "Allow", Action = "kms:Decrypt", Resource = var.kms_key_arn },
    ]
  })
}

resource "aws_iam_role" "run" {
  name               = "${var.name}-dagster-run"
  description        = "The code location and its runs: builds the warehouse, and has the source read"
  assume_role_policy = local.assumed_by_tasks
}

resource "aws_iam_role_policy" "run" {
  name = "${var.name}-dagster-run"
  role = aws_iam_role.run.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      var.builds_the_warehouse,
      [for each in local.reads_by_function : each if var.runner == "lambda"],
      [for each in local.reads_itself : each if var.runner == "local"],
      local.step_logs,
      [
        { Sid = "WriteStepLogs", Effect = "Allow", Action = ["s3:PutObject", "s3:AbortMultipartUpload"], Resource = "${module.logs.arn}/dagster-logs/*" },
        local.key,
      ],
    )
  })
}

resource "aws_iam_role" "daemon" {
  name               = "${var.name}-dagster-daemon"
  description        = "Starts each run as a task of its own"
  assume_role_policy = local.assumed_by_tasks
}

resource "aws_iam_role_policy" "daemon" {
  #checkov:skip=CKV_AWS_355:descriptions, lists and the registration of a task definition know no resource
  #checkov:skip=CKV_AWS_290:descriptions, lists and the registration of a task definition know no resource
  #checkov:skip=CKV_AWS_286:the two roles that it passes on are named, and only to tasks
  name = "${var.name}-dagster-daemon"
  role = aws_iam_role.daemon.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        Sid      = "StartRuns"
        Effect   = "Allow"
        Action   = ["ecs:RunTask", "ecs:StopTask", "ecs:DescribeTasks"]
        Resource = ["arn:${var.place.partition}:ecs:${var.place.region}:${var.place.account}:task-definition/*", "arn:${var.place.partition}:ecs:${var.place.region}:${var.place.account}:task/${var.name}/*"]
        Condition = {
          ArnEquals = { "ecs:cluster" = aws_ecs_cluster.this.arn }
        }
      },
      {
        Sid      = "TagRuns"
        Effect   = "Allow"
        Action   = "ecs:TagResource"
        Resource = ["arn:${var.place.partition}:ecs:${var.place.region}:${var.place.account}:task/${var.name}/*", "arn:${var.place.partition}:ecs:${var.place.region}:${var.place.account}:task-definition/*"]
      },
      {
        Sid      = "DescribeRuns"
        Effect   = "Allow"
        Action   = ["ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition", "ecs:ListAccountSettings", "ec2:DescribeNetworkInterfaces", "secretsmanager:ListSecrets"]
        Resource = "*"
      },
      { Sid = "LogsOfRuns", Effect = "Allow", Action = "logs:GetLogEvents", Resource = "${aws_cloudwatch_log_group.this.arn}:*" },
      {
        Sid       = "RolesOfRuns"
        Effect    = "Allow"
        Action    = "iam:PassRole"
        Resource  = [aws_iam_role.execution.arn, aws_iam_role.run.arn]
        Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
      },
      local.key,
    ], local.step_logs)
  })
}

resource "aws_iam_role" "webserver" {
  name               = "${var.name}-dagster-webserver"
  description        = "Shows what steps printed, and stops runs"
  assume_role_policy = local.assumed_by_tasks
}

resource "aws_iam_role_policy" "webserver" {
  #checkov:skip=CKV_AWS_355:descriptions know no resource
  name = "${var.name}-dagster-webserver"
  role = aws_iam_role.webserver.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(local.step_logs, [
      local.key,
      {
        Sid       = "StopRuns"
        Effect    = "Allow"
        Action    = ["ecs:StopTask", "ecs:DescribeTasks"]
        Resource  = "arn:${var.place.partition}:ecs:${var.place.region}:${var.place.account}:task/${var.name}/*"
        Condition = { ArnEquals = { "ecs:cluster" = aws_ecs_cluster.this.arn } }
      },
      { Sid = "KnowItsOwnTask", Effect = "Allow", Action = ["ecs:DescribeTaskDefinition", "ecs:ListAccountSettings", "ec2:DescribeNetworkInterfaces"], Resource = "*" },
    ])
  })
}
