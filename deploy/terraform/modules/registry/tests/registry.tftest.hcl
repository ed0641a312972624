mock_provider "aws" {}

variables {
  name         = "refera"
  place        = { region = "eu-central-1", account = "000000000000", partition = "aws" }
  kms_key_arn  = "arn:aws:kms:eu-central-1:000000000000:key/1"
  repositories = ["extract", "transform", "code"]
}

run "repositories" {
  assert {
    condition = alltrue([
      for name, each in aws_ecr_repository.this :
      each.name == "refera/${name}" && each.image_tag_mutability == "IMMUTABLE" && each.image_scanning_configuration[0].scan_on_push
      && each.encryption_configuration[0].kms_key == var.kms_key_arn
    ]) && length(aws_ecr_repository.this) == 3
    error_message = "A tag is given once, an image is scanned and encrypted."
  }

  assert {
    condition     = alltrue([for name, each in aws_ecr_lifecycle_policy.this : each.repository == "refera/${name}"]) && length(aws_ecr_lifecycle_policy.this) == 3
    error_message = "Old images go."
  }

  assert {
    condition     = toset(keys(aws_ecr_repository_policy.functions)) == toset(["extract", "transform"])
    error_message = "Lambda pulls the images of functions, and of nothing else."
  }

  assert {
    condition     = jsondecode(aws_ecr_repository_policy.functions["extract"].policy).Statement[0].Condition.ArnLike["aws:SourceArn"] == "arn:aws:lambda:eu-central-1:000000000000:function:refera-*"
    error_message = "Only functions of ours pull from here."
  }

  assert {
    condition     = output.urls["code"] == aws_ecr_repository.this["code"].repository_url && output.arns["code"] == aws_ecr_repository.this["code"].arn
    error_message = "Who pushes is told where to."
  }
}
