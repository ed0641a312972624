# The lake, the warehouse and the functions between them. What is optional is in zip.tf, source.tf and dagster.tf; what
# only newer providers know is in modern.tf, here and in each module.

provider "aws" {
  region = var.region

  default_tags {
    tags = merge(var.tags, { application = var.name })
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  place = {
    region    = var.region
    account   = data.aws_caller_identity.current.account_id
    partition = data.aws_partition.current.partition
  }

  buckets = {
    # pieces of large tables and what the doctor tries, which are removed by whoever wrote them
    lake = { "raw/_staging/" = 7 }
    # rows that a red test found
    warehouse = { "warehouse/_failures/" = var.failures_days }
    messages  = { "*" = 7 }
    artifacts = {}
  }

  # interfaces that are made, and those that private subnets reach AWS by
  endpoints  = var.network == null ? toset([]) : coalesce(var.network.endpoints, toset(var.network.has_nat ? [] : ["secretsmanager"]))
  interfaces = var.network == null ? toset([]) : setunion(local.endpoints, keys(var.network.endpoint_security_groups))

  # whom something calls every day
  is_called = { schedule = var.dagster == null && var.is_scheduled, dagster = try(var.dagster.runner == "lambda", false) }
  called    = local.is_called.schedule ? ["extract", "transform"] : local.is_called.dagster ? ["extract"] : []
}

module "key" {
  source = "./modules/key"

  name  = var.name
  place = local.place
}

module "bucket" {
  source   = "./modules/bucket"
  for_each = local.buckets

  name            = "${var.name}-${each.key}-${var.bucket_suffix}"
  kms_key_arn     = module.key.arn
  noncurrent_days = var.noncurrent_days
  expirations     = each.value

  # a bucket that cannot go, because it holds objects, keeps the key that they are read by
  depends_on = [module.key]
}

module "registry" {
  source = "./modules/registry"

  name        = var.name
  place       = local.place
  kms_key_arn = module.key.arn
  # all of them: images are pushed before anything can be made of them, and an empty place costs nothing
  repositories = ["extract", "transform", "code", "dagster"]
}

module "secrets" {
  source = "./modules/secrets"

  name         = var.name
  kms_key_arn  = module.key.arn
  has_hash_key = var.has_hash_key
}

module "network" {
  source = "./modules/network"
  count  = var.network == null ? 0 : 1

  name                   = var.name
  place                  = local.place
  vpc_id                 = var.network.vpc_id
  subnet_ids             = var.network.subnet_ids
  route_table_ids        = var.network.route_table_ids
  endpoints              = local.endpoints
  has_nat                = var.network.has_nat
  source_port            = var.network.source_port
  source_cidr_blocks     = var.network.source_cidr_blocks
  source_security_groups = local.source_groups

  has_s3_gateway           = var.network.has_s3_gateway
  endpoint_security_groups = var.network.endpoint_security_groups
}

module "functions" {
  source = "./modules/functions"

  name                = var.name
  place               = local.place
  architecture        = var.architecture
  lake                = module.bucket["lake"]
  warehouse           = module.bucket["warehouse"]
  messages            = module.bucket["messages"]
  kms_key_arn         = module.key.arn
  source_secret_arn   = module.secrets.source_arn
  hash_key_secret_arn = module.secrets.hash_key_arn
  extract             = merge(var.extract, { zip = local.extract_zip })
  transform           = var.transform
  time_zone           = var.time_zone
  first_day           = var.first_day
  glue_database       = var.glue_database
  log_retention_days  = var.log_retention_days

  network = var.network == null ? null : {
    subnet_ids         = var.network.subnet_ids
    security_group_ids = [module.network[0].security_group_id]
  }
}

module "alarms" {
  source = "./modules/alarms"

  name              = var.name
  place             = local.place
  extract           = module.functions.extract
  transform         = module.functions.transform
  called            = local.called
  failed_calls_name = module.functions.failed_calls.name
  kms_key_arn       = module.key.arn
  emails            = var.alarm_emails
  monthly_budget    = var.monthly_budget
}

module "readers" {
  source = "./modules/readers"

  name          = var.name
  place         = local.place
  warehouse_arn = module.bucket["warehouse"].arn
  kms_key_arn   = module.key.arn
  glue_database = var.glue_database
}
