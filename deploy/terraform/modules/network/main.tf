# Where the functions stand in your network: what they may reach, and ways to AWS that do not lead over the internet.

resource "aws_security_group" "functions" {
  #checkov:skip=CKV2_AWS_5:it is attached to the functions, in another module
  name        = "${var.name}-functions"
  description = "Functions of ${var.name}: nobody calls them over the network"
  vpc_id      = var.vpc_id

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group_rule" "source" {
  count = length(var.source_cidr_blocks) > 0 ? 1 : 0

  description       = "The database that is read"
  type              = "egress"
  security_group_id = aws_security_group.functions.id
  protocol          = "tcp"
  from_port         = var.source_port
  to_port           = var.source_port
  cidr_blocks       = var.source_cidr_blocks
}

resource "aws_security_group_rule" "source_group" {
  for_each = var.source_security_groups

  description              = "The database that is read: ${each.key}"
  type                     = "egress"
  security_group_id        = aws_security_group.functions.id
  protocol                 = "tcp"
  from_port                = var.source_port
  to_port                  = var.source_port
  source_security_group_id = each.value
}

locals {
  s3_gateway = one(concat(aws_vpc_endpoint.s3[*].prefix_list_id, data.aws_ec2_managed_prefix_list.s3[*].id))
}

# the gateway is there already
data "aws_ec2_managed_prefix_list" "s3" {
  count = var.has_s3_gateway ? 1 : 0

  name = "com.amazonaws.${var.place.region}.s3"
}

resource "aws_security_group_rule" "s3" {
  count = var.has_s3_gateway || length(var.route_table_ids) > 0 ? 1 : 0

  description       = "S3, by its gateway"
  type              = "egress"
  security_group_id = aws_security_group.functions.id
  protocol          = "tcp"
  from_port         = 443
  to_port           = 443
  prefix_list_ids   = [local.s3_gateway]
}

resource "aws_security_group_rule" "endpoints_that_are_there" {
  for_each = var.endpoint_security_groups

  description              = "AWS, by an interface that is there: ${each.key}"
  type                     = "egress"
  security_group_id        = aws_security_group.functions.id
  protocol                 = "tcp"
  from_port                = 443
  to_port                  = 443
  source_security_group_id = each.value
}

resource "aws_security_group_rule" "endpoints" {
  count = length(var.endpoints) > 0 ? 1 : 0

  description              = "AWS, by its interfaces in this network"
  type                     = "egress"
  security_group_id        = aws_security_group.functions.id
  protocol                 = "tcp"
  from_port                = 443
  to_port                  = 443
  source_security_group_id = aws_security_group.endpoints[0].id
}

resource "aws_security_group_rule" "internet" {
  count = var.has_nat ? 1 : 0

  description       = "AWS, by your NAT gateway"
  type              = "egress"
  security_group_id = aws_security_group.functions.id
  protocol          = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_blocks       = ["0.0.0.0/0"]
}

resource "aws_vpc_endpoint" "s3" {
  count = length(var.route_table_ids) > 0 && !var.has_s3_gateway ? 1 : 0

  vpc_id            = var.vpc_id
  service_name      = "com.amazonaws.${var.place.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = var.route_table_ids
}

resource "aws_security_group" "endpoints" {
  count = length(var.endpoints) > 0 ? 1 : 0

  name        = "${var.name}-endpoints"
  description = "Interfaces to AWS: called from the whole network, whose names for AWS lead to them"
  vpc_id      = var.vpc_id
}

data "aws_vpc" "this" {
  count = length(var.endpoints) > 0 ? 1 : 0

  id = var.vpc_id
}

# private names of AWS lead everyone in the VPC to the interfaces, and not only us: whoever was not let in could not reach it any more
resource "aws_security_group_rule" "endpoints_called" {
  count = length(var.endpoints) > 0 ? 1 : 0

  description       = "HTTPS from the VPC"
  type              = "ingress"
  security_group_id = aws_security_group.endpoints[0].id
  protocol          = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_blocks       = [for each in data.aws_vpc.this[0].cidr_block_associations : each.cidr_block]
}

resource "aws_vpc_endpoint" "interface" {
  for_each = var.endpoints

  vpc_id              = var.vpc_id
  service_name        = "com.amazonaws.${var.place.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = var.subnet_ids
  security_group_ids  = [aws_security_group.endpoints[0].id]
  private_dns_enabled = true
}
