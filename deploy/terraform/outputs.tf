output "extract_function" {
  description = "REFERA_LAMBDA_EXTRACT of a Dagster whose runner is lambda."
  value       = module.functions.extract.arn
}

output "messages" {
  description = "REFERA_MESSAGES of a Dagster whose runner is lambda."
  value       = "s3://${module.bucket["messages"].name}"
}

output "transform_function" {
  description = "The function that builds the warehouse; null when there is none."
  value       = try(module.functions.transform.arn, null)
}

output "lake" {
  description = "REFERA_LAKE."
  value       = "s3://${module.bucket["lake"].name}/raw"
}

output "warehouse" {
  description = "REFERA_WAREHOUSE."
  value       = "s3://${module.bucket["warehouse"].name}/warehouse"
}

output "source_secret" {
  description = "The secret that the address of the source is put into."
  value       = module.secrets.source_arn
}

output "hash_key_secret" {
  description = "The secret that the hash key is put into; null when no column is hashed."
  value       = module.secrets.hash_key_arn
}

output "repositories" {
  description = "Where images are pushed to."
  value       = module.registry.urls
}

output "failed_calls" {
  description = "Queue of calls that failed for good."
  value       = module.functions.failed_calls.url
}

output "alarms_topic" {
  description = "What alarms speak through."
  value       = module.alarms.topic_arn
}

output "readers_policy" {
  description = "Policy to attach to the role of analysts."
  value       = module.readers.policy_arn
}

output "security_group" {
  description = "Security group of the functions: what the database must let in; null outside of a VPC."
  value       = one(module.network[*].security_group_id)
}
