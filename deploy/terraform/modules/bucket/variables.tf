variable "name" {
  description = "Name of the bucket, of which there is only one in the world."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "The name of a bucket has 3 to 63 small letters, digits and hyphens."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts its objects."
  type        = string
}

variable "noncurrent_days" {
  description = "Days for which replaced and deleted objects can be brought back."
  type        = number

  validation {
    condition     = var.noncurrent_days >= 1 && var.noncurrent_days <= 3650 && floor(var.noncurrent_days) == var.noncurrent_days
    error_message = "Replaced objects are kept for 1 to 3650 whole days."
  }
}

variable "expirations" {
  description = "Days after which objects below a prefix are removed; the prefix * is the whole bucket."
  type        = map(number)
  default     = {}
}
