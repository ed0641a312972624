# Where Terraform remembers what it made: run once with a local state, before everything else (README).

provider "aws" {
  region = var.region

  default_tags {
    tags = { application = "${var.name}-state" }
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

module "key" {
  source = "../modules/key"

  name = "${var.name}-state"
  place = {
    region    = var.region
    account   = data.aws_caller_identity.current.account_id
    partition = data.aws_partition.current.partition
  }
}

module "state" {
  source = "../modules/bucket"

  name            = "${var.name}-state-${var.bucket_suffix}"
  kms_key_arn     = module.key.arn
  noncurrent_days = 365

  # a bucket that cannot go keeps the key that its objects are read by
  depends_on = [module.key]
}

output "backend" {
  description = "Content of backend.hcl."
  value       = <<-EOT
    bucket     = "${module.state.name}"
    key        = "${var.name}.tfstate"
    region     = "${var.region}"
    kms_key_id = "${module.key.arn}"
  EOT
}
