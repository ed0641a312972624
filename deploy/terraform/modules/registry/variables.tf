variable "name" {
  description = "Beginning of every name."
  type        = string
}

variable "place" {
  description = "Where everything stands."
  type        = object({ region = string, account = string, partition = string })
}

variable "kms_key_arn" {
  description = "Key that encrypts the images."
  type        = string
}

variable "repositories" {
  description = "What there are images of."
  type        = set(string)
}
