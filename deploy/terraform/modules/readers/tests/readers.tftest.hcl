mock_provider "aws" {}

variables {
  name          = "refera"
  place         = { region = "eu-central-1", account = "000000000000", partition = "aws" }
  warehouse_arn = "arn:aws:s3:::warehouse"
  kms_key_arn   = "arn:aws:kms:eu-central-1:000000000000:key/1"
  glue_database = "refera_warehouse"
}

run "readers" {
  assert {
    condition = alltrue(flatten([
      for statement in jsondecode(aws_iam_policy.readers.policy).Statement :
      [for action in flatten([statement.Action]) : can(regex("^(s3:(GetObject|ListBucket)|kms:Decrypt|glue:(BatchGet|Get)[A-Za-z]+)$", action))]
    ]))
    error_message = "Readers read."
  }

  assert {
    condition = toset(flatten([
      for statement in jsondecode(aws_iam_policy.readers.policy).Statement : statement.Resource if statement.Effect == "Allow" && startswith(flatten([statement.Action])[0], "s3:")
    ])) == toset(["arn:aws:s3:::warehouse", "arn:aws:s3:::warehouse/warehouse/*"])
    error_message = "Readers see the published tables, and nothing of the lake."
  }

  assert {
    condition     = output.policy_arn == aws_iam_policy.readers.arn
    error_message = "Who attaches the policy is told which one."
  }
}

run "without_athena" {
  variables {
    glue_database = null
  }

  assert {
    condition     = !strcontains(aws_iam_policy.readers.policy, "glue")
    error_message = "Where there is no catalog there are no rights to it."
  }
}
