mock_provider "aws" {
  mock_resource "aws_db_instance" {
    defaults = {
      address            = "postgres.example.com"
      port               = 5432
      master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:rds", kms_key_id = "", secret_status = "active" }]
    }
  }
}

variables {
  name                   = "refera"
  place                  = { region = "eu-central-1", account = "000000000000", partition = "aws" }
  vpc_id                 = "vpc-1"
  subnet_ids             = ["subnet-1", "subnet-2"]
  viewers                = ["10.8.0.0/16"]
  images                 = { code = "registry/code@sha256:1", dagster = "registry/dagster@sha256:2" }
  repository_arns        = ["arn:aws:ecr:eu-central-1:000000000000:repository/refera/code"]
  runner                 = "lambda"
  extract                = { arn = "arn:aws:lambda:eu-central-1:000000000000:function:refera-extract" }
  lake                   = { name = "lake", arn = "arn:aws:s3:::lake" }
  warehouse              = { name = "warehouse", arn = "arn:aws:s3:::warehouse" }
  messages               = { name = "messages", arn = "arn:aws:s3:::messages" }
  logs_bucket            = "refera-logs-example"
  builds_the_warehouse   = [{ Sid = "PublishTables", Effect = "Allow", Action = "s3:PutObject", Resource = "arn:aws:s3:::warehouse/warehouse/*" }]
  source_secret_arn      = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:refera/source"
  hash_key_secret_arn    = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:refera/hash-key"
  code_secrets           = { REFERA_ALERT_WEBHOOK = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:webhook:url::" }
  kms_key_arn            = "arn:aws:kms:eu-central-1:000000000000:key/1"
  time_zone              = "Europe/Lisbon"
  first_day              = "2026-01-01"
  glue_database          = "refera_warehouse"
  postgres_class         = "db.t4g.small"
  multi_az               = false
  log_retention_days     = 400
  source_port            = 3306
  source_cidr_blocks     = ["10.0.3.0/24"]
  source_security_groups = { source = "sg-source" }
}

run "services" {
  assert {
    condition = {
      for name, each in aws_ecs_task_definition.this : name => [jsondecode(each.container_definitions)[0].image, each.task_role_arn, each.execution_role_arn]
      } == {
      webserver = ["registry/dagster@sha256:2", aws_iam_role.webserver.arn, aws_iam_role.execution.arn]
      daemon    = ["registry/dagster@sha256:2", aws_iam_role.daemon.arn, aws_iam_role.execution.arn]
      code      = ["registry/code@sha256:1", aws_iam_role.run.arn, aws_iam_role.execution.arn]
    }
    error_message = "Each service is its image with its role."
  }

  assert {
    condition = alltrue([
      for name, each in aws_ecs_service.this :
      each.task_definition == aws_ecs_task_definition.this[name].arn && each.cluster == aws_ecs_cluster.this.id && each.desired_count == 1
      && !each.network_configuration[0].assign_public_ip && each.network_configuration[0].security_groups == toset([aws_security_group.tasks.id])
    ]) && length(aws_ecs_service.this) == 3
    error_message = "Three services of one task each, in private subnets."
  }

  assert {
    condition     = aws_ecs_service.this["daemon"].deployment_maximum_percent == 100 && aws_ecs_service.this["code"].deployment_maximum_percent == 100
    error_message = "There are never two daemons."
  }

  assert {
    condition     = aws_ecs_service.this["code"].service_registries[0].registry_arn == aws_service_discovery_service.this["code"].arn && aws_service_discovery_service.this["code"].dns_config[0].namespace_id == aws_service_discovery_private_dns_namespace.this.id
    error_message = "The code location has a name."
  }
}

run "what_services_are_told" {
  assert {
    condition = {
      for each in jsondecode(aws_ecs_task_definition.this["daemon"].container_definitions)[0].environment : each.name => each.value
      } == {
      DAGSTER_HOME                     = "/opt/dagster-ecs"
      DAGSTER_POSTGRES_HOST            = aws_db_instance.this.address
      DAGSTER_POSTGRES_PORT            = "5432"
      DAGSTER_POSTGRES_USER            = "dagster"
      DAGSTER_POSTGRES_DB              = "dagster"
      PGSSLMODE                        = "require"
      DAGSTER_LOGS_BUCKET              = module.logs.name
      DAGSTER_LOGS_PREFIX              = "dagster-logs"
      REFERA_CODE_HOST                 = "code.${aws_service_discovery_private_dns_namespace.this.name}"
      REFERA_CODE_PORT                 = "4000"
      REFERA_ECS_LOG_GROUP             = aws_cloudwatch_log_group.this.name
      REFERA_ECS_EXECUTION_ROLE        = aws_iam_role.execution.arn
      REFERA_ECS_RUN_ROLE              = aws_iam_role.run.arn
      REFERA_ECS_POSTGRES_PASSWORD_ARN = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:rds:password::"
      REFERA_STAGE                     = "production"
      REFERA_LAKE                      = "s3://lake/raw"
      REFERA_WAREHOUSE                 = "s3://warehouse/warehouse"
      REFERA_S3_REGION                 = "eu-central-1"
      REFERA_GLUE_DATABASE             = "refera_warehouse"
      REFERA_TIME_ZONE                 = "Europe/Lisbon"
      REFERA_FIRST_DAY                 = "2026-01-01"
      REFERA_MEMORY_LIMIT              = "5GB"
      REFERA_PREVIEWS                  = "off"
      REFERA_RUNNER                    = "lambda"
      REFERA_LAMBDA_EXTRACT            = var.extract.arn
      REFERA_MESSAGES                  = "s3://messages"
    }
    error_message = "The daemon is told what it and its runs need."
  }

  assert {
    condition     = aws_service_discovery_service.this["code"].name == "code"
    error_message = "The name of the code location is what the others call."
  }

  assert {
    condition = {
      for each in jsondecode(aws_ecs_task_definition.this["code"].container_definitions)[0].secrets : each.name => each.valueFrom
      } == {
      DAGSTER_POSTGRES_PASSWORD = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:rds:password::"
      REFERA_ALERT_WEBHOOK      = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:webhook:url::"
    }
    error_message = "Where a function reads the source nobody else is told its address."
  }

  assert {
    condition = jsondecode(one([
      for each in jsondecode(aws_ecs_task_definition.this["code"].container_definitions)[0].environment : each.value if each.name == "DAGSTER_CONTAINER_CONTEXT"
    ])) == { ecs = { secrets = [] } }
    error_message = "Neither are its runs."
  }
}

run "rights" {
  assert {
    condition = alltrue([
      for role in [aws_iam_role_policy.run, aws_iam_role_policy.daemon, aws_iam_role_policy.webserver] : !strcontains(role.policy, "secretsmanager:GetSecretValue")
    ])
    error_message = "Secrets are handed over by the execution role, and asked for by nobody."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.daemon.policy).Statement : [statement.Resource, statement.Condition] if statement.Action == "iam:PassRole"
    ] == [[[aws_iam_role.execution.arn, aws_iam_role.run.arn], { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }]]
    error_message = "The daemon passes on the two roles of runs, to tasks."
  }

  assert {
    condition     = strcontains(aws_iam_role_policy.run.policy, var.extract.arn) && !strcontains(aws_iam_role_policy.run.policy, "lake/raw")
    error_message = "Runs call the function, and write no lake."
  }

  assert {
    condition = one([for statement in jsondecode(aws_iam_role_policy.execution.policy).Statement : statement.Resource if statement.Sid == "HandSecretsOver"]) == [
      "arn:aws:secretsmanager:eu-central-1:000000000000:secret:rds", "arn:aws:secretsmanager:eu-central-1:000000000000:secret:webhook",
    ]
    error_message = "The execution role hands over PostgreSQL's password and the webhook's address, whatever field of them a task is given."
  }

  assert {
    condition = (
      aws_secretsmanager_secret_rotation.postgres.secret_id == "arn:aws:secretsmanager:eu-central-1:000000000000:secret:rds"
      && aws_secretsmanager_secret_rotation.postgres.rotation_rules[0].automatically_after_days == 1000 && !aws_secretsmanager_secret_rotation.postgres.rotate_immediately
    )
    error_message = "PostgreSQL's password does not change under the services that have it."
  }
}

run "doors" {
  assert {
    condition     = aws_security_group_rule.people[0].cidr_blocks == tolist(["10.8.0.0/16"]) && aws_security_group_rule.people[0].to_port == 3000
    error_message = "People come from the networks that are named."
  }

  assert {
    condition     = aws_security_group_rule.postgres_called.source_security_group_id == aws_security_group.tasks.id && aws_security_group_rule.postgres_called.security_group_id == aws_security_group.postgres.id && aws_db_instance.this.vpc_security_group_ids == toset([aws_security_group.postgres.id])
    error_message = "PostgreSQL is called by the tasks."
  }

  assert {
    condition     = length(aws_security_group_rule.to_source) == 0 && length(aws_security_group_rule.to_source_group) == 0
    error_message = "Where a function reads the source the tasks have no way to it."
  }

  assert {
    condition     = { for each in aws_db_parameter_group.this.parameter : each.name => each.value }["rds.force_ssl"] == "1" && !aws_db_instance.this.publicly_accessible && aws_db_instance.this.storage_encrypted && aws_db_instance.this.manage_master_user_password
    error_message = "PostgreSQL is private, encrypted, and its password in no state."
  }
}

run "runs_that_read_the_source_themselves" {
  variables {
    runner  = "local"
    viewers = []
  }

  assert {
    condition = jsondecode(one([
      for each in jsondecode(aws_ecs_task_definition.this["code"].container_definitions)[0].environment : each.value if each.name == "DAGSTER_CONTAINER_CONTEXT"
      ])) == { ecs = { secrets = [
      { name = "REFERA_CLASSICMODELS_URL", valueFrom = var.source_secret_arn },
      { name = "REFERA_HASH_KEY", valueFrom = var.hash_key_secret_arn },
    ] } }
    error_message = "Runs are told the address of the source, and the hash key."
  }

  assert {
    condition     = strcontains(aws_iam_role_policy.run.policy, "arn:aws:s3:::lake/raw/*") && !strcontains(aws_iam_role_policy.run.policy, "lambda:InvokeFunction")
    error_message = "Runs write the lake, and call no function."
  }

  assert {
    condition     = aws_security_group_rule.to_source[0].cidr_blocks == tolist(["10.0.3.0/24"]) && aws_security_group_rule.to_source_group["source"].source_security_group_id == "sg-source" && length(aws_security_group_rule.people) == 0
    error_message = "Runs have a way to the source."
  }
}
