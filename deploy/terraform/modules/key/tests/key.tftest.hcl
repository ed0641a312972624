mock_provider "aws" {}

variables {
  name  = "refera"
  place = { region = "eu-central-1", account = "000000000000", partition = "aws" }
}

run "key" {
  assert {
    condition     = aws_kms_key.this.enable_key_rotation && aws_kms_alias.this.target_key_id == aws_kms_key.this.key_id && output.arn == aws_kms_key.this.arn
    error_message = "The key turns every year, and has a name."
  }

  assert {
    condition     = [for statement in jsondecode(aws_kms_key.this.policy).Statement : statement.Principal if statement.Action == "kms:*"] == [{ AWS = "arn:aws:iam::000000000000:root" }]
    error_message = "Only the account itself may do everything with the key."
  }

  assert {
    condition     = alltrue([for statement in jsondecode(aws_kms_key.this.policy).Statement : can(statement.Condition) if can(statement.Principal.Service)])
    error_message = "A service of AWS may use it for this account only."
  }
}
