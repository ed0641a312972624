variable "name" {
  description = "Beginning of every name."
  type        = string
}

variable "vpc_id" {
  description = "VPC of the database."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets of two zones at least."
  type        = list(string)
}

variable "callers" {
  description = "Security groups that may call it, by name."
  type        = map(string)
}

variable "kms_key_arn" {
  description = "Key that encrypts storage, password and insights."
  type        = string
}

variable "database" {
  description = "Database that is made in it."
  type        = string
}

variable "family" {
  description = "Family of parameters."
  type        = string
}

variable "engine_version" {
  description = "Version of MySQL."
  type        = string
}

variable "instance_class" {
  description = "Size of the machine."
  type        = string
}

variable "storage" {
  description = "Gigabytes at first; it grows to ten times as many."
  type        = number
}

variable "multi_az" {
  description = "Whether a second machine waits in another zone."
  type        = bool
}
