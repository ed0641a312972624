variable "name" {
  description = "Beginning of every name."
  type        = string
}

variable "kms_key_arn" {
  description = "Key that encrypts the secrets."
  type        = string
}

variable "has_hash_key" {
  description = "Whether columns are declared hashed, and a key for that is kept."
  type        = bool
}
