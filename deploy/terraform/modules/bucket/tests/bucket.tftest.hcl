mock_provider "aws" {}

variables {
  name            = "refera-lake-example"
  kms_key_arn     = "arn:aws:kms:eu-central-1:000000000000:key/1"
  noncurrent_days = 30
  expirations     = { "raw/_staging/" = 7, "*" = 90 }
}

run "protected" {
  assert {
    condition = (
      aws_s3_bucket_public_access_block.this.bucket == aws_s3_bucket.this.id
      && aws_s3_bucket_public_access_block.this.block_public_acls && aws_s3_bucket_public_access_block.this.block_public_policy
      && aws_s3_bucket_public_access_block.this.ignore_public_acls && aws_s3_bucket_public_access_block.this.restrict_public_buckets
    )
    error_message = "Nobody outside of the account may see the bucket."
  }

  assert {
    condition     = aws_s3_bucket_ownership_controls.this.rule[0].object_ownership == "BucketOwnerEnforced"
    error_message = "Lists of access must count for nothing."
  }

  assert {
    condition     = aws_s3_bucket_versioning.this.bucket == aws_s3_bucket.this.id && aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "A replaced object must be there to go back to."
  }

  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_server_side_encryption_configuration.this.rule :
      rule.apply_server_side_encryption_by_default[0].sse_algorithm == "aws:kms"
      && rule.apply_server_side_encryption_by_default[0].kms_master_key_id == var.kms_key_arn
    ]) && length(aws_s3_bucket_server_side_encryption_configuration.this.rule) == 1
    error_message = "Objects must be encrypted with our key."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_s3_bucket_policy.this.policy).Statement :
      statement.Effect == "Deny" && statement.Principal == "*" && statement.Action == "s3:*"
      && contains(statement.Resource, aws_s3_bucket.this.arn) && contains(statement.Resource, "${aws_s3_bucket.this.arn}/*")
    ])
    error_message = "The policy of the bucket only refuses, and of bucket and objects alike."
  }

  assert {
    condition     = jsondecode(aws_s3_bucket_policy.this.policy).Statement[0].Condition == { Bool = { "aws:SecureTransport" = "false" } }
    error_message = "What comes without TLS must be refused."
  }

  assert {
    condition     = !aws_s3_bucket.this.force_destroy
    error_message = "A bucket with objects in it must not be destroyed."
  }
}

run "lifecycle" {
  assert {
    condition = anytrue([
      for rule in aws_s3_bucket_lifecycle_configuration.this.rule :
      try(rule.abort_incomplete_multipart_upload[0].days_after_initiation, 0) == 7 && rule.status == "Enabled"
    ])
    error_message = "Uploads that were never finished must go."
  }

  assert {
    condition = anytrue([
      for rule in aws_s3_bucket_lifecycle_configuration.this.rule :
      try(rule.noncurrent_version_expiration[0].noncurrent_days, 0) == var.noncurrent_days
    ])
    error_message = "Replaced versions must go after their days."
  }

  assert {
    condition = {
      for rule in aws_s3_bucket_lifecycle_configuration.this.rule : rule.filter[0].prefix => rule.expiration[0].days
      if startswith(rule.id, "expire-")
    } == { "raw/_staging/" = 7, "" = 90 }
    error_message = "What is below a prefix must go after its days, and nothing else."
  }

  assert {
    condition     = length(distinct([for rule in aws_s3_bucket_lifecycle_configuration.this.rule : rule.id])) == 4
    error_message = "Each rule must have a name of its own."
  }
}

run "a_bucket_whose_name_s3_refuses" {
  command = plan

  variables {
    name = "Refera_Lake!"
  }

  expect_failures = [var.name]
}

run "half_a_day" {
  command = plan

  variables {
    noncurrent_days = 0.5
  }

  expect_failures = [var.noncurrent_days]
}
