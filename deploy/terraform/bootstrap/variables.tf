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
