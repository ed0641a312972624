# Nobody reaches a task from outside of the VPC; people come to port 3000 from the networks that are named.

resource "aws_security_group" "tasks" {
  name        = "${var.name}-dagster"
  description = "Tasks of ${var.name}"
  vpc_id      = var.vpc_id

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group_rule" "people" {
  count = length(var.viewers) > 0 ? 1 : 0

  description       = "The page, from the networks that are named"
  type              = "ingress"
  security_group_id = aws_security_group.tasks.id
  protocol          = "tcp"
  from_port         = 3000
  to_port           = 3000
  cidr_blocks       = var.viewers
}

resource "aws_security_group_rule" "code" {
  for_each = toset(["ingress", "egress"])

  description       = "gRPC between the services"
  type              = each.key
  security_group_id = aws_security_group.tasks.id
  protocol          = "tcp"
  from_port         = 4000
  to_port           = 4000
  self              = true
}

resource "aws_security_group_rule" "aws" {
  description       = "AWS, by interfaces or a NAT gateway"
  type              = "egress"
  security_group_id = aws_security_group.tasks.id
  protocol          = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_blocks       = ["0.0.0.0/0"]
}

resource "aws_security_group_rule" "to_postgres" {
  description              = "Dagster's history"
  type                     = "egress"
  security_group_id        = aws_security_group.tasks.id
  protocol                 = "tcp"
  from_port                = 5432
  to_port                  = 5432
  source_security_group_id = aws_security_group.postgres.id
}

resource "aws_security_group_rule" "to_source" {
  count = var.runner == "local" && length(var.source_cidr_blocks) > 0 ? 1 : 0

  description       = "The database that runs read"
  type              = "egress"
  security_group_id = aws_security_group.tasks.id
  protocol          = "tcp"
  from_port         = var.source_port
  to_port           = var.source_port
  cidr_blocks       = var.source_cidr_blocks
}

resource "aws_security_group_rule" "to_source_group" {
  for_each = var.runner == "local" ? var.source_security_groups : {}

  description              = "The database that runs read: ${each.key}"
  type                     = "egress"
  security_group_id        = aws_security_group.tasks.id
  protocol                 = "tcp"
  from_port                = var.source_port
  to_port                  = var.source_port
  source_security_group_id = each.value
}

resource "aws_security_group" "postgres" {
  name        = "${var.name}-dagster-postgres"
  description = "Dagster's history: called by its tasks"
  vpc_id      = var.vpc_id
}

resource "aws_security_group_rule" "postgres_called" {
  description              = "PostgreSQL from the tasks"
  type                     = "ingress"
  security_group_id        = aws_security_group.postgres.id
  protocol                 = "tcp"
  from_port                = 5432
  to_port                  = 5432
  source_security_group_id = aws_security_group.tasks.id
}
