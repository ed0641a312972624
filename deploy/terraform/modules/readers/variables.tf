variable "name" {
  description = "Beginning of every name."
  type        = string
}

variable "place" {
  description = "Where everything stands."
  type        = object({ region = string, account = string, partition = string })
}

variable "warehouse_arn" {
  description = "Bucket of the published tables."
  type        = string
}

variable "kms_key_arn" {
  description = "Key that encrypts them."
  type        = string
}

variable "glue_database" {
  description = "Glue database that shows the tables to Athena; null for none."
  type        = string
}
