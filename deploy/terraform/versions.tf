terraform {
  # 1.10 is the first that locks a state in S3 without a table in DynamoDB
  required_version = ">= 1.10"

  # the bucket and the key are told to init: -backend-config=backend.hcl
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}
