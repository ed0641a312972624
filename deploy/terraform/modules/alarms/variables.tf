variable "name" {
  description = "Beginning of every name."
  type        = string
}

variable "place" {
  description = "Where everything stands."
  type        = object({ region = string, account = string, partition = string })
}

variable "extract" {
  description = "The function that reads the source: its name, and seconds of its time limit."
  type        = object({ name = string, timeout = number })
}

variable "transform" {
  description = "The function that builds the warehouse; null when there is none."
  type        = object({ name = string, timeout = number })
}

variable "called" {
  description = "Which of them, extract or transform, something calls every day."
  type        = set(string)
}

variable "failed_calls_name" {
  description = "Queue of calls that failed for good."
  type        = string
}

variable "kms_key_arn" {
  description = "Key that encrypts the topic."
  type        = string
}

variable "emails" {
  description = "Who is told; each confirms a mail from AWS once."
  type        = set(string)
}

variable "monthly_budget" {
  description = "US dollars a month from which a warning is sent; null for none."
  type        = number
}
