# A MySQL to read, for who has none yet.

locals {
  source_groups = var.source_database == null ? {} : { source = module.source[0].security_group_id }
}

module "source" {
  source = "./modules/source"
  count  = var.source_database == null ? 0 : 1

  name           = var.name
  vpc_id         = var.network.vpc_id
  subnet_ids     = var.network.subnet_ids
  callers        = merge({ functions = module.network[0].security_group_id }, local.dagster_groups, var.source_database.callers)
  kms_key_arn    = module.key.arn
  database       = var.source_database.name
  family         = var.source_database.family
  engine_version = var.source_database.engine_version
  instance_class = var.source_database.instance_class
  storage        = var.source_database.storage
  multi_az       = var.source_database.multi_az
}

output "source" {
  description = "Address of the database that was made, and the secret with its administrator's password."
  value       = one([for each in module.source : { address = each.address, master_secret_arn = each.master_secret_arn }])
}
