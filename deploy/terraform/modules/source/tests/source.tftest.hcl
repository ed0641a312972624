mock_provider "aws" {}

variables {
  name           = "refera"
  vpc_id         = "vpc-1"
  subnet_ids     = ["subnet-1", "subnet-2"]
  callers        = { functions = "sg-functions" }
  kms_key_arn    = "arn:aws:kms:eu-central-1:000000000000:key/1"
  database       = "classicmodels"
  family         = "mysql8.4"
  engine_version = "8.4"
  instance_class = "db.t4g.medium"
  storage        = 50
  multi_az       = false
}

run "a_log_that_can_be_read" {
  assert {
    condition = {
      for each in aws_db_parameter_group.this.parameter : each.name => each.value
      } == {
      binlog_format = "ROW", binlog_row_image = "FULL", binlog_row_metadata = "FULL", require_secure_transport = "1", time_zone = "UTC"
    }
    error_message = "The log holds whole rows and the names of their columns; nobody comes without TLS."
  }

  assert {
    condition     = aws_db_instance.this.parameter_group_name == aws_db_parameter_group.this.name && aws_db_instance.this.backup_retention_period > 0
    error_message = "The database has these parameters, and backups: without them RDS writes no log."
  }
}

run "a_closed_door" {
  assert {
    condition = (
      !aws_db_instance.this.publicly_accessible && aws_db_instance.this.storage_encrypted && aws_db_instance.this.kms_key_id == var.kms_key_arn
      && aws_db_instance.this.deletion_protection && !aws_db_instance.this.skip_final_snapshot
      && aws_db_instance.this.db_subnet_group_name == aws_db_subnet_group.this.name
      && aws_db_instance.this.vpc_security_group_ids == toset([aws_security_group.this.id])
    )
    error_message = "The database is private, encrypted, and not deleted by mistake."
  }

  assert {
    condition     = aws_db_instance.this.manage_master_user_password && aws_db_instance.this.password == null
    error_message = "No password is in a plan or a state."
  }

  assert {
    condition = {
      for name, each in aws_security_group_rule.called : name => [each.type, each.security_group_id, each.source_security_group_id, tostring(each.from_port), tostring(each.to_port)]
    } == { functions = ["ingress", aws_security_group.this.id, "sg-functions", "3306", "3306"] }
    error_message = "Only who is named calls it, at its port."
  }
}
