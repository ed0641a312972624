variable "name" {
  description = "Beginning of every name."
  type        = string
}

variable "place" {
  description = "Where everything stands."
  type        = object({ region = string, account = string, partition = string })
}

variable "vpc_id" {
  description = "VPC in which the functions stand."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets, best of two zones."
  type        = list(string)
}

variable "route_table_ids" {
  description = "Route tables of these subnets, which get the gateway to S3; none when they have one."
  type        = list(string)
}

variable "endpoints" {
  description = "Services of AWS that are called by an interface in the VPC."
  type        = set(string)
}

variable "endpoint_security_groups" {
  description = "Security groups of interfaces that are there already, by the service they lead to."
  type        = map(string)
  default     = {}
}

variable "has_s3_gateway" {
  description = "Whether the route tables have a gateway to S3 already."
  type        = bool
  default     = false
}

variable "has_nat" {
  description = "Whether the subnets have a way to the internet that is to be used for AWS."
  type        = bool
}

variable "source_port" {
  description = "Port of the database."
  type        = number
}

variable "source_cidr_blocks" {
  description = "Addresses of the database."
  type        = list(string)
}

variable "source_security_groups" {
  description = "Security groups of the database, by name, where it is in the VPC."
  type        = map(string)
}
