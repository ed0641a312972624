variable "name" {
  description = "Beginning of every name."
  type        = string
}

variable "place" {
  description = "Where everything stands."
  type        = object({ region = string, account = string, partition = string })
}

variable "architecture" {
  description = "What the package was built for: x86_64 or arm64."
  type        = string
}

variable "lake" {
  description = "Bucket of the raw objects."
  type        = object({ name = string, arn = string })
}

variable "warehouse" {
  description = "Bucket of the published tables."
  type        = object({ name = string, arn = string })
}

variable "messages" {
  description = "Bucket through which the function tells Dagster what came of a call."
  type        = object({ name = string, arn = string })
}

variable "kms_key_arn" {
  description = "Key that encrypts everything that is kept."
  type        = string
}

variable "source_secret_arn" {
  description = "Secret with the address of the source."
  type        = string
}

variable "hash_key_secret_arn" {
  description = "Secret with the hash key; null when no column is hashed."
  type        = string
}

variable "extract" {
  description = "The function that reads the source: an image by its digest, or a zip in S3."
  type = object({
    image                = optional(string)
    zip                  = optional(object({ bucket = string, key = string, version = string }))
    memory               = number
    timeout              = number
    storage              = number
    piece_rows           = optional(number)
    reserved_concurrency = number
  })
}

variable "transform" {
  description = "The function that builds the warehouse; null when Dagster does."
  type = object({
    image                = string
    memory               = number
    timeout              = number
    storage              = number
    reserved_concurrency = number
  })
}

variable "network" {
  description = "Where the functions stand; null outside of any VPC."
  type        = object({ subnet_ids = list(string), security_group_ids = list(string) })
}

variable "time_zone" {
  description = "Zone whose midnight starts a partition."
  type        = string
}

variable "first_day" {
  description = "Oldest partition that can exist."
  type        = string
}

variable "glue_database" {
  description = "Glue database that shows the tables to Athena; null for none."
  type        = string
}

variable "log_retention_days" {
  description = "Days for which logs are kept."
  type        = number
}
