# A MySQL of yours whose log can be read: what RDS needs to be told for that, and no door to the internet.

resource "aws_db_parameter_group" "this" {
  # a family is changed by another group beside this one
  name_prefix = "${var.name}-source-"
  family      = var.family
  description = "The log holds every column of every row that changed, and names them"

  # row by row, the whole row before and after, with the names of columns: what a day is read from
  dynamic "parameter" {
    for_each = {
      binlog_format            = "ROW"
      binlog_row_image         = "FULL"
      binlog_row_metadata      = "FULL"
      require_secure_transport = "1"
      # instants are UTC inside
      time_zone = "UTC"
    }

    content {
      name  = parameter.key
      value = parameter.value
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_db_subnet_group" "this" {
  name       = "${var.name}-source"
  subnet_ids = var.subnet_ids
}

resource "aws_security_group" "this" {
  name        = "${var.name}-source"
  description = "MySQL of ${var.name}: called by the functions and by whom you name"
  vpc_id      = var.vpc_id
}

resource "aws_security_group_rule" "called" {
  for_each = var.callers

  description              = "MySQL from ${each.key}"
  type                     = "ingress"
  security_group_id        = aws_security_group.this.id
  protocol                 = "tcp"
  from_port                = 3306
  to_port                  = 3306
  source_security_group_id = each.value
}

resource "aws_db_instance" "this" {
  #checkov:skip=CKV2_AWS_69:TLS is asked for by a parameter of the group above, which this check does not see in a dynamic block
  #checkov:skip=CKV_AWS_157:a second zone doubles the price: multi_az is a setting
  #checkov:skip=CKV_AWS_118:enhanced monitoring is priced by the log line: the operator's to switch on
  #checkov:skip=CKV_AWS_161:the reader logs in over TLS with a password of Secrets Manager; a token of IAM ends after fifteen minutes, in the middle of a long read
  identifier     = "${var.name}-source"
  engine         = "mysql"
  engine_version = var.engine_version
  instance_class = var.instance_class

  db_name  = var.database
  username = "admin"
  # RDS makes it and keeps it in Secrets Manager: it is in no state and no plan
  manage_master_user_password   = true
  master_user_secret_kms_key_id = var.kms_key_arn

  allocated_storage     = var.storage
  max_allocated_storage = 10 * var.storage
  storage_type          = "gp3"
  storage_encrypted     = true
  kms_key_id            = var.kms_key_arn

  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [aws_security_group.this.id]
  publicly_accessible    = false
  multi_az               = var.multi_az
  parameter_group_name   = aws_db_parameter_group.this.name
  ca_cert_identifier     = "rds-ca-rsa2048-g1"

  # without backups RDS writes no log at all
  backup_retention_period = 7
  copy_tags_to_snapshot   = true
  deletion_protection     = true
  skip_final_snapshot     = false

  final_snapshot_identifier           = "${var.name}-source-final"
  auto_minor_version_upgrade          = true
  allow_major_version_upgrade         = true
  performance_insights_enabled        = true
  performance_insights_kms_key_id     = var.kms_key_arn
  enabled_cloudwatch_logs_exports     = ["error", "slowquery"]
  iam_database_authentication_enabled = false
}
