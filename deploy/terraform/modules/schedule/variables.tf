variable "name" {
  description = "Beginning of every name."
  type        = string
}

variable "place" {
  description = "Where everything stands."
  type        = object({ region = string, account = string, partition = string })
}

variable "database" {
  description = "Our name of the database that is read."
  type        = string
}

variable "schedule" {
  description = "When: cron(minutes hours day-of-month month day-of-week year)."
  type        = string
}

variable "time_zone" {
  description = "Zone that the schedule is written in."
  type        = string
}

variable "is_enabled" {
  description = "Whether it runs."
  type        = bool
}

variable "function_arn" {
  description = "The function that reads the source."
  type        = string
}

variable "failed_calls_arn" {
  description = "Queue of calls that could not be made."
  type        = string
}

variable "kms_key_arn" {
  description = "Key that encrypts the event, and the queue."
  type        = string
}
