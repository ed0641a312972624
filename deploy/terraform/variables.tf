# Every input is looked at before anything is made: what AWS would refuse after ten minutes is refused here.

variable "name" {
  description = "Beginning of every name."
  type        = string
  default     = "refera"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name has 3 to 20 small letters, digits and hyphens, and begins with a letter."
  }
}

variable "region" {
  description = "Region of AWS."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is one like eu-central-1."
  }
}

variable "bucket_suffix" {
  description = "End of the names of buckets, of which there is only one in the world: your company's name."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{0,28}[a-z0-9]$", var.bucket_suffix))
    error_message = "bucket_suffix has 2 to 30 small letters, digits and hyphens."
  }
}

variable "tags" {
  description = "Tags of everything, beside application."
  type        = map(string)
  default     = {}
}

variable "time_zone" {
  description = "IANA zone whose midnight starts a partition; the schedule is written in it too."
  type        = string
  default     = "UTC"

  validation {
    condition     = can(regex("^(UTC|[A-Z][A-Za-z_]+(/[A-Z][A-Za-z0-9_+-]+){1,2})$", var.time_zone))
    error_message = "time_zone is an IANA name like UTC or Europe/Lisbon."
  }
}

variable "first_day" {
  description = "Oldest daily partition that can exist."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{4}-[0-9]{2}-[0-9]{2}$", var.first_day)) && can(formatdate("YYYY-MM-DD", "${var.first_day}T00:00:00Z"))
    error_message = "first_day is a day like 2026-01-01."
  }
}

variable "schedule" {
  description = "When the days that ended are read, in time_zone: cron(minutes hours day-of-month month day-of-week year)."
  type        = string
  default     = "cron(30 0 * * ? *)"

  # Terraform and AWS' provider take any text; EventBridge Scheduler would refuse it when everything else is made
  validation {
    condition     = can(regex("^cron\\(([0-9*,/-]+) ([0-9*,/-]+) ([0-9*?,/LW-]+) ([0-9A-Z*,/-]+) ([0-9A-Z*?,/L#-]+) ([0-9*,/-]+)\\)$", var.schedule))
    error_message = "schedule has six fields, minutes first, like cron(30 0 * * ? *)."
  }

  validation {
    condition     = try(length([for field in [regex("^cron\\(\\S+ \\S+ (\\S+) \\S+ (\\S+) \\S+\\)$", var.schedule)] : field if(field[0] == "?") != (field[1] == "?")]) == 1, false)
    error_message = "schedule names days of the month or days of the week, and has a ? for the other: cron(30 0 * * ? *)."
  }

  validation {
    condition = try(alltrue([
      for number in regexall("[0-9]+", split(" ", trimprefix(var.schedule, "cron("))[0]) : tonumber(number) <= 59
      ]) && alltrue([
      for number in regexall("[0-9]+", split(" ", var.schedule)[1]) : tonumber(number) <= 23
      ]) && alltrue([
      for number in regexall("[0-9]+", split(" ", var.schedule)[2]) : tonumber(number) >= 1 && tonumber(number) <= 31
      ]) && alltrue([
      for number in regexall("[0-9]+", split(" ", var.schedule)[3]) : tonumber(number) >= 1 && tonumber(number) <= 12
    ]), false)
    error_message = "schedule has minutes up to 59, hours up to 23, days of the month 1 to 31 and months 1 to 12."
  }
}

variable "is_scheduled" {
  description = "Whether the schedule runs; it never does beside Dagster, which has its own."
  type        = bool
  default     = true
}

variable "architecture" {
  description = "What the packages were built for: x86_64 or arm64, which costs a fifth less."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture is x86_64 or arm64."
  }
}

variable "extract" {
  description = "The function that reads the source: zip, a file that make lambda_package made, or image, by its digest."
  type = object({
    zip                  = optional(string)
    image                = optional(string)
    memory               = optional(number, 2048)
    timeout              = optional(number, 900)
    storage              = optional(number, 2048)
    piece_rows           = optional(number)
    reserved_concurrency = optional(number, -1)
  })

  validation {
    condition     = (var.extract.zip == null) != (var.extract.image == null)
    error_message = "extract is either a zip or an image."
  }

  validation {
    condition     = var.extract.image == null ? true : can(regex("@sha256:[0-9a-f]{64}$", var.extract.image))
    error_message = "The image of extract is named by its digest, …@sha256:…: what a tag names can change."
  }

  validation {
    condition     = var.extract.zip == null ? true : fileexists(var.extract.zip)
    error_message = "The zip of extract is not there: make it with make lambda_package."
  }

  validation {
    condition     = var.extract.memory >= 512 && var.extract.memory <= 10240
    error_message = "extract has 512 to 10240 MB of memory."
  }

  validation {
    condition     = var.extract.timeout >= 60 && var.extract.timeout <= 900
    error_message = "A call of extract may take 60 to 900 seconds."
  }

  validation {
    condition     = var.extract.storage >= 512 && var.extract.storage <= 10240
    error_message = "extract has 512 to 10240 MB for scratch files."
  }

  validation {
    condition     = var.extract.piece_rows == null ? true : var.extract.piece_rows >= 1000
    error_message = "A piece of a large table has 1000 rows at least."
  }
}

variable "transform" {
  description = "The function that builds the warehouse, an image by its digest; null when Dagster builds it."
  type = object({
    image                = string
    memory               = optional(number, 4096)
    timeout              = optional(number, 900)
    storage              = optional(number, 4096)
    reserved_concurrency = optional(number, -1)
  })
  default = null

  validation {
    condition     = var.transform == null ? true : can(regex("@sha256:[0-9a-f]{64}$", var.transform.image))
    error_message = "The image of transform is named by its digest, …@sha256:…: what a tag names can change."
  }

  validation {
    condition     = var.transform == null ? true : var.transform.memory >= 1024 && var.transform.memory <= 10240
    error_message = "transform has 1024 to 10240 MB of memory."
  }

  validation {
    condition     = var.transform == null ? true : var.transform.timeout >= 60 && var.transform.timeout <= 900
    error_message = "A call of transform may take 60 to 900 seconds."
  }

  validation {
    condition     = var.transform == null ? true : var.transform.storage >= 512 && var.transform.storage <= 10240
    error_message = "transform has 512 to 10240 MB for scratch files."
  }
}

variable "has_hash_key" {
  description = "Whether columns are declared hashed, and the key for that is kept in a secret."
  type        = bool
  default     = false
}

variable "glue_database" {
  description = "Glue database that shows the published tables to Athena; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.glue_database == null ? true : can(regex("^[a-z0-9_]{1,255}$", var.glue_database))
    error_message = "glue_database has small letters, digits and underscores, like refera_warehouse."
  }

  validation {
    condition     = var.glue_database == null || var.network == null ? true : var.network.has_nat || contains(local.interfaces, "glue")
    error_message = "From private subnets without a NAT gateway Glue needs the endpoint glue."
  }
}

variable "alarm_emails" {
  description = "Who is told when something is wrong; each confirms a mail from AWS once."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for each in var.alarm_emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", each))])
    error_message = "alarm_emails are addresses like data@example.com."
  }
}

variable "monthly_budget" {
  description = "US dollars a month of what is made here, of which 80 % spent or 100 % forecast is told; null for none."
  type        = number
  default     = null

  validation {
    condition     = var.monthly_budget == null ? true : var.monthly_budget > 0
    error_message = "monthly_budget is more than nothing."
  }
}

variable "noncurrent_days" {
  description = "Days for which replaced and deleted objects can be brought back."
  type        = number
  default     = 30

  validation {
    condition     = var.noncurrent_days >= 1 && var.noncurrent_days <= 3650 && floor(var.noncurrent_days) == var.noncurrent_days
    error_message = "noncurrent_days is 1 to 3650 whole days."
  }
}

variable "failures_days" {
  description = "Days for which the rows are kept that a red test found."
  type        = number
  default     = 30

  validation {
    condition     = var.failures_days >= 1 && var.failures_days <= 3650 && floor(var.failures_days) == var.failures_days
    error_message = "failures_days is 1 to 3650 whole days."
  }
}

variable "log_retention_days" {
  description = "Days for which logs are kept."
  type        = number
  default     = 400

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096 and more days."
  }
}
