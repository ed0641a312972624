variable "place" {
  description = "Where everything stands."
  type        = object({ region = string, account = string, partition = string })
}

variable "name" {
  description = "Beginning of every name."
  type        = string
}

variable "vpc_id" {
  description = "VPC of the tasks and of PostgreSQL."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets of two zones at least, with a way to AWS."
  type        = list(string)
}

variable "viewers" {
  description = "Networks from which people open the page."
  type        = list(string)
}

variable "images" {
  description = "Images by their digest: the code location, and Dagster itself."
  type        = object({ code = string, dagster = string })
}

variable "repository_arns" {
  description = "Repositories of these images."
  type        = list(string)
}

variable "runner" {
  description = "Who reads the source: lambda, or local for the run itself."
  type        = string
}

variable "extract" {
  description = "The function that reads the source."
  type        = object({ arn = string })
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
  description = "Bucket through which the function tells what came of a call."
  type        = object({ name = string, arn = string })
}

variable "logs_bucket" {
  description = "Name of the bucket of what steps print."
  type        = string
}

variable "builds_the_warehouse" {
  description = "Statements of a policy for whoever builds the warehouse."
  type        = any
}

variable "source_secret_arn" {
  description = "Secret with the URL of the source, for runs that read it themselves."
  type        = string
}

variable "hash_key_secret_arn" {
  description = "Secret with the hash key; null when no column is hashed."
  type        = string
}

variable "code_secrets" {
  description = "Secrets of the code location by variable, such as REFERA_ALERT_WEBHOOK."
  type        = map(string)
}

variable "kms_key_arn" {
  description = "Key that encrypts everything that is kept."
  type        = string
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

variable "postgres_class" {
  description = "Size of PostgreSQL's machine."
  type        = string
}

variable "multi_az" {
  description = "Whether a second PostgreSQL waits in another zone."
  type        = bool
}

variable "log_retention_days" {
  description = "Days for which logs are kept."
  type        = number
}

variable "source_port" {
  description = "Port of the database, for runs that read it themselves."
  type        = number
}

variable "source_cidr_blocks" {
  description = "Addresses of the database, for runs that read it themselves."
  type        = list(string)
}

variable "source_security_groups" {
  description = "Security groups of the database, by name, for runs that read it themselves."
  type        = map(string)
}
