# What is optional: a network of yours, a database, Dagster.

variable "network" {
  description = "Where the functions stand, when the source is in a VPC: private subnets, what leads to AWS, where the source is."
  type = object({
    vpc_id             = string
    subnet_ids         = list(string)
    route_table_ids    = optional(list(string), [])
    endpoints          = optional(set(string))
    has_nat            = optional(bool, false)
    has_s3_gateway     = optional(bool, false)
    source_port        = optional(number, 3306)
    source_cidr_blocks = optional(list(string), [])

    endpoint_security_groups = optional(map(string), {})
  })
  default = null

  validation {
    condition     = var.network == null ? true : length(var.network.subnet_ids) >= 1
    error_message = "network names one private subnet at least, best two of different zones."
  }

  validation {
    condition     = var.network == null ? true : alltrue([for block in var.network.source_cidr_blocks : can(cidrhost(block, 0))])
    error_message = "Addresses of the source are blocks like 10.0.3.0/24."
  }

  validation {
    condition     = var.network == null ? true : var.network.source_port >= 1 && var.network.source_port <= 65535
    error_message = "The port of the source is 1 to 65535."
  }

  validation {
    condition = var.network == null ? true : var.network.has_nat || (
      (length(var.network.route_table_ids) > 0 || var.network.has_s3_gateway)
      && (var.network.endpoints == null ? true : contains(setunion(var.network.endpoints, keys(var.network.endpoint_security_groups)), "secretsmanager"))
    )
    error_message = "From private subnets without a NAT gateway S3 needs route_table_ids (or has_s3_gateway where there is one), and the secrets the endpoint secretsmanager (or the security group of the one that is there, in endpoint_security_groups)."
  }

  validation {
    condition     = var.network == null ? true : var.network.endpoints == null ? var.network.has_nat || !contains(keys(var.network.endpoint_security_groups), "secretsmanager") : length(setintersection(var.network.endpoints, keys(var.network.endpoint_security_groups))) == 0
    error_message = "An interface is made (endpoints) or is there (endpoint_security_groups), and not both: a VPC takes one of each. Where secretsmanager is there, name the endpoints that are to be made, or []."
  }
}

variable "source_database" {
  description = "A MySQL on RDS that is made, with the parameters of its log that we need; null to read one that is there."
  type = object({
    name           = optional(string, "classicmodels")
    family         = optional(string, "mysql8.4")
    engine_version = optional(string, "8.4")
    instance_class = optional(string, "db.t4g.medium")
    storage        = optional(number, 50)
    multi_az       = optional(bool, false)
    callers        = optional(map(string), {})
  })
  default = null

  validation {
    condition     = var.source_database == null ? true : var.network != null
    error_message = "A database needs network: the VPC and the private subnets it stands in."
  }

  validation {
    condition     = var.source_database == null ? true : contains(["mysql8.0", "mysql8.4"], var.source_database.family)
    error_message = "The family of source_database is mysql8.0 or mysql8.4."
  }

  validation {
    condition     = var.source_database == null ? true : startswith("${var.source_database.engine_version}.", "${trimprefix(var.source_database.family, "mysql")}.")
    error_message = "engine_version and family of source_database are of one version: 8.4 and mysql8.4."
  }

  validation {
    condition     = var.source_database == null || var.network == null ? true : length(distinct(var.network.subnet_ids)) >= 2
    error_message = "RDS takes subnets of two zones at least: name both in network."
  }

  validation {
    condition     = var.source_database == null ? true : var.source_database.storage >= 20
    error_message = "source_database has 20 GB at least."
  }
}

variable "dagster" {
  description = "Dagster on ECS: images by their digest, and the networks from which people open its page; null for none."
  type = object({
    code_image     = string
    dagster_image  = string
    viewers        = optional(list(string), [])
    runner         = optional(string, "lambda")
    code_secrets   = optional(map(string), {})
    postgres_class = optional(string, "db.t4g.small")
    multi_az       = optional(bool, false)
  })
  default = null

  validation {
    condition     = var.dagster == null ? true : var.network != null
    error_message = "Dagster needs network: the VPC and the private subnets it stands in."
  }

  validation {
    condition     = var.dagster == null || var.network == null ? true : length(distinct(var.network.subnet_ids)) >= 2
    error_message = "Dagster's PostgreSQL takes subnets of two zones at least: name both in network."
  }

  validation {
    condition = var.dagster == null || var.network == null ? true : var.network.has_nat || length(setsubtract(
      ["ecr.api", "ecr.dkr", "ecs", "ec2", "lambda", "logs", "secretsmanager"], local.interfaces
    )) == 0
    error_message = "From private subnets without a NAT gateway Dagster needs the endpoints ecr.api, ecr.dkr, ecs, ec2, lambda, logs and secretsmanager."
  }

  validation {
    condition     = var.dagster == null ? true : alltrue([for image in [var.dagster.code_image, var.dagster.dagster_image] : can(regex("@sha256:[0-9a-f]{64}$", image))])
    error_message = "Images of Dagster are named by their digest, …@sha256:…: what a tag names can change."
  }

  validation {
    condition     = var.dagster == null ? true : contains(["lambda", "local"], var.dagster.runner)
    error_message = "The runner of Dagster is lambda, or local for runs that read the source themselves."
  }

  validation {
    condition     = var.dagster == null ? true : alltrue([for block in var.dagster.viewers : can(cidrhost(block, 0)) && block != "0.0.0.0/0"])
    error_message = "viewers are blocks like 10.8.0.0/16, and never the whole internet: Dagster asks nobody for a password."
  }
}
