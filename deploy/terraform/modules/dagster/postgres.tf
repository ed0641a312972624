# Dagster's memory: runs, materializations, checks, ticks.

resource "aws_db_subnet_group" "this" {
  name       = "${var.name}-dagster"
  subnet_ids = var.subnet_ids
}

resource "aws_db_parameter_group" "this" {
  name_prefix = "${var.name}-dagster-"
  family      = "postgres16"
  description = "TLS only; slow questions are logged"

  dynamic "parameter" {
    for_each = { "rds.force_ssl" = "1", log_min_duration_statement = "1000", log_statement = "ddl" }

    content {
      name  = parameter.key
      value = parameter.value
      # what AWS says of one that has its default anyhow: told otherwise, each plan would change it
      apply_method = parameter.key == "rds.force_ssl" ? "pending-reboot" : "immediate"
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_db_instance" "this" {
  #checkov:skip=CKV2_AWS_69:TLS is asked for by a parameter of the group above, which this check does not see in a dynamic block
  #checkov:skip=CKV_AWS_157:a second zone doubles the price: multi_az is a setting
  #checkov:skip=CKV_AWS_118:enhanced monitoring is priced by the log line: the operator's to switch on
  #checkov:skip=CKV_AWS_161:Dagster logs in over TLS with a password of Secrets Manager; it cannot renew a token of IAM
  identifier     = "${var.name}-dagster"
  engine         = "postgres"
  engine_version = "16"
  instance_class = var.postgres_class

  db_name                       = "dagster"
  username                      = "dagster"
  manage_master_user_password   = true
  master_user_secret_kms_key_id = var.kms_key_arn

  allocated_storage     = 20
  max_allocated_storage = 200
  storage_type          = "gp3"
  storage_encrypted     = true
  kms_key_id            = var.kms_key_arn

  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [aws_security_group.postgres.id]
  publicly_accessible    = false
  multi_az               = var.multi_az
  parameter_group_name   = aws_db_parameter_group.this.name
  ca_cert_identifier     = "rds-ca-rsa2048-g1"

  backup_retention_period         = 14
  copy_tags_to_snapshot           = true
  deletion_protection             = true
  skip_final_snapshot             = false
  final_snapshot_identifier       = "${var.name}-dagster-final"
  auto_minor_version_upgrade      = true
  performance_insights_enabled    = true
  performance_insights_kms_key_id = var.kms_key_arn
  enabled_cloudwatch_logs_exports = ["postgresql", "upgrade"]
}

# RDS gives a new password every seven days, and a task has the one that it began with: as seldom as AWS takes
resource "aws_secretsmanager_secret_rotation" "postgres" {
  #checkov:skip=CKV_AWS_304:whoever changes the password starts the services again (README); it is reachable from their security group alone
  secret_id          = local.postgres_secret
  rotate_immediately = false

  rotation_rules {
    automatically_after_days = 1000
  }
}
