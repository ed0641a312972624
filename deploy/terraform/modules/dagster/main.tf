# Dagster's three services, each one task on Fargate, as deploy/README.md describes them: webserver, daemon and code.

locals {
  image = { webserver = var.images.dagster, daemon = var.images.dagster, code = var.images.code }
  size = {
    webserver = { cpu = 1024, memory = 2048 }
    daemon    = { cpu = 1024, memory = 2048 }
    code      = { cpu = 2048, memory = 4096 }
  }

  # never the daemon without the code location: one that finds none gives up what is under way
  command = {
    webserver = null
    daemon    = ["sh", "-c", "until dagster api grpc-health-check --host \"$REFERA_CODE_HOST\" --port \"$REFERA_CODE_PORT\"; do sleep 1; done; exec dagster-daemon run --workspace /opt/dagster/workspace.yaml"]
    code      = ["python", "-m", "refera_platform.orchestration.code_server", "--host", "0.0.0.0", "--port", "4000"]
  }
  health = {
    webserver = ["CMD", "python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:3000/server_info', timeout=5).read()"]
    daemon    = ["CMD", "dagster-daemon", "liveness-check"]
    code      = ["CMD", "dagster", "api", "grpc-health-check", "--port", "4000"]
  }
  role = { webserver = aws_iam_role.webserver.arn, daemon = aws_iam_role.daemon.arn, code = aws_iam_role.run.arn }
  port = { webserver = 3000, daemon = null, code = 4000 }
}

resource "aws_ecs_cluster" "this" {
  name = var.name

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/ecs/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_ecs_task_definition" "this" {
  #checkov:skip=CKV_AWS_336:a volume of Fargate belongs to root and our processes do not; what they write is staged logs and scratch files
  for_each = local.image

  family                   = "${var.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = local.size[each.key].cpu
  memory                   = local.size[each.key].memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = local.role[each.key]

  runtime_platform {
    cpu_architecture        = "X86_64"
    operating_system_family = "LINUX"
  }

  ephemeral_storage {
    size_in_gib = 30
  }

  container_definitions = jsonencode([{
    name      = each.key
    image     = each.value
    essential = true
    command   = local.command[each.key]
    environment = [for name, value in merge(local.environment, each.key == "code" ? local.code_environment : {}) :
    { name = name, value = value }]
    secrets = concat(
      [{ name = "DAGSTER_POSTGRES_PASSWORD", valueFrom = local.postgres_password }],
      each.key == "code" ? [for name, arn in merge(local.run_secrets, var.code_secrets) : { name = name, valueFrom = arn }] : [],
    )
    portMappings    = local.port[each.key] == null ? [] : [{ containerPort = local.port[each.key], protocol = "tcp" }]
    healthCheck     = { command = local.health[each.key], interval = 30, timeout = 20, retries = 3, startPeriod = 90 }
    linuxParameters = { initProcessEnabled = true }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = var.place.region
        awslogs-stream-prefix = each.key
      }
    }
  }])
}

resource "aws_ecs_service" "this" {
  for_each = aws_ecs_task_definition.this

  name            = each.key
  cluster         = aws_ecs_cluster.this.id
  task_definition = each.value.arn
  desired_count   = 1
  launch_type     = "FARGATE"
  propagate_tags  = "SERVICE"

  # two daemons would launch everything twice; of the others the new one may come before the old one goes
  deployment_minimum_healthy_percent = each.key == "webserver" ? 100 : 0
  deployment_maximum_percent         = each.key == "webserver" ? 200 : 100

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [aws_security_group.tasks.id]
    assign_public_ip = false
  }

  dynamic "service_registries" {
    for_each = each.key == "daemon" ? [] : [aws_service_discovery_service.this[each.key].arn]

    content {
      registry_arn = service_registries.value
    }
  }

  # a task that starts before its rights are there stops again
  depends_on = [aws_iam_role_policy.execution, aws_iam_role_policy.run, aws_iam_role_policy.daemon, aws_iam_role_policy.webserver]
}

resource "aws_service_discovery_private_dns_namespace" "this" {
  name        = "${var.name}.internal"
  description = "Names of the services of ${var.name}"
  vpc         = var.vpc_id
}

resource "aws_service_discovery_service" "this" {
  for_each = toset(["code", "webserver"])

  name = each.key

  dns_config {
    namespace_id   = aws_service_discovery_private_dns_namespace.this.id
    routing_policy = "MULTIVALUE"

    dns_records {
      type = "A"
      ttl  = 10
    }
  }
}

module "logs" {
  source = "../bucket"

  name            = var.logs_bucket
  kms_key_arn     = var.kms_key_arn
  noncurrent_days = 7
  expirations     = { "dagster-logs/" = 90 }
}
