variable "name" {
  description = "Beginning of every name."
  type        = string
}

variable "place" {
  description = "Where everything stands."
  type        = object({ region = string, account = string, partition = string })
}
