# Dagster on ECS: the page, the schedule, the history; it calls the function for what is read, and builds the warehouse.

locals {
  # by its number: a splat would wait for the whole module, which waits for the source, which waits for this
  dagster_groups = var.dagster == null ? {} : { dagster = module.dagster[0].security_group_id }
}

module "dagster" {
  source = "./modules/dagster"
  count  = var.dagster == null ? 0 : 1

  name                   = var.name
  place                  = local.place
  vpc_id                 = var.network.vpc_id
  subnet_ids             = var.network.subnet_ids
  viewers                = var.dagster.viewers
  images                 = { code = var.dagster.code_image, dagster = var.dagster.dagster_image }
  repository_arns        = [module.registry.arns["code"], module.registry.arns["dagster"]]
  runner                 = var.dagster.runner
  extract                = module.functions.extract
  lake                   = module.bucket["lake"]
  warehouse              = module.bucket["warehouse"]
  messages               = module.bucket["messages"]
  logs_bucket            = "${var.name}-logs-${var.bucket_suffix}"
  builds_the_warehouse   = module.functions.builds_the_warehouse
  source_secret_arn      = module.secrets.source_arn
  hash_key_secret_arn    = module.secrets.hash_key_arn
  code_secrets           = var.dagster.code_secrets
  kms_key_arn            = module.key.arn
  time_zone              = var.time_zone
  first_day              = var.first_day
  glue_database          = var.glue_database
  postgres_class         = var.dagster.postgres_class
  multi_az               = var.dagster.multi_az
  log_retention_days     = var.log_retention_days
  source_port            = var.network.source_port
  source_cidr_blocks     = var.network.source_cidr_blocks
  source_security_groups = local.source_groups

  # what is kept of it keeps the key that it is read by
  depends_on = [module.key]
}

output "dagster_page" {
  description = "Where Dagster is, from inside of the VPC; null without it."
  value       = one(module.dagster[*].page)
}
