mock_provider "aws" {}

variables {
  name         = "refera"
  kms_key_arn  = "arn:aws:kms:eu-central-1:000000000000:key/1"
  has_hash_key = true
}

run "both" {
  assert {
    condition     = aws_secretsmanager_secret.source.kms_key_id == var.kms_key_arn && aws_secretsmanager_secret.hash_key[0].kms_key_id == var.kms_key_arn
    error_message = "Secrets are encrypted with our key."
  }

  assert {
    condition     = output.source_arn == aws_secretsmanager_secret.source.arn && output.hash_key_arn == aws_secretsmanager_secret.hash_key[0].arn
    error_message = "Functions are told of the secrets that were made."
  }
}

run "nothing_is_hashed" {
  variables {
    has_hash_key = false
  }

  assert {
    condition     = length(aws_secretsmanager_secret.hash_key) == 0 && output.hash_key_arn == null
    error_message = "Where no column is hashed there is no key."
  }
}
