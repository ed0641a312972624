# Who starts a day: the schedule, or Dagster where it runs.

module "schedule" {
  source = "./modules/schedule"

  name             = var.name
  place            = local.place
  database         = "classicmodels"
  schedule         = var.schedule
  time_zone        = var.time_zone
  is_enabled       = local.is_called.schedule
  function_arn     = module.functions.extract.arn
  failed_calls_arn = module.functions.failed_calls.arn
  kms_key_arn      = module.key.arn
}
