"""Awkward facts that every generated sample has, each with a query that finds it: the contract of the generator."""

FACTS = {
    "a city with and without trailing blanks": """
        select 1 from customers as a join customers as b
        on b.city like concat(a.city, ' %') and a.city = trim(a.city) and a.country = trim(b.country)""",
    "Auckland with trailing blanks": "select 1 from customers where city like 'Auckland  '",
    "a country with a trailing blank": "select 1 from customers where country like '% '",
    "a first name with a trailing blank": "select 1 from customers where contactFirstName like '% '",
    "two customers without a rep who order": """
        select 1 from customers join orders using (customerNumber)
        where salesRepEmployeeNumber is null having count(distinct customerNumber) > 1""",
    "a customer who never ordered": """
        select 1 from customers where customerNumber not in (select customerNumber from orders)""",
    "a product never sold": "select 1 from products where productCode not in (select productCode from orderdetails)",
    "an old order never shipped": """
        select 1 from orders where shippedDate is null and status = 'In Process'
        and orderDate < (select max(orderDate) from orders) - interval 150 day""",
    "an order on its way": """
        select 1 from orders where status = 'In Process'
        and orderDate > (select max(orderDate) from orders) - interval 12 day""",
    "an order shipped late": "select 1 from orders where status = 'Shipped' and shippedDate > requiredDate",
    "an order on hold": "select 1 from orders where status = 'On Hold' and shippedDate is null",
    "an order in dispute": "select 1 from orders where status = 'Disputed'",
    "an order resolved": "select 1 from orders where status = 'Resolved'",
    "an order cancelled before shipping": "select 1 from orders where status = 'Cancelled' and shippedDate is null",
    "an order cancelled after shipping": "select 1 from orders where status = 'Cancelled' and shippedDate is not null",
    "order numbers that were skipped": """
        select 1 from orders where orderNumber < (select max(orderNumber) from orders)
        and orderNumber + 1 not in (select orderNumber from orders)""",
    "a comment with CR and LF": "select 1 from orders where comments like '%\\r\\n%'",
    "a comment with accents": "select 1 from orders where comments like '%À livrer%'",
    "a comment with a backslash": "select 1 from orders where locate(char(92), comments)",
    "a comment that latin1 cannot hold": "select 1 from orders where comments <> convert(comments using latin1)",
    "a comment that reads NULL": "select 1 from orders where comments = 'NULL'",
    "an empty comment": "select 1 from orders where comments = '' and comments is not null",
    "an absent comment": "select 1 from orders where comments is null",
    "an empty and an absent second address line": """
        select 1 from customers having sum(addressLine2 = '') > 0 and sum(addressLine2 is null) > 0
        and sum(addressLine2 > '') > 0""",
    "an empty and an absent state": """
        select 1 from customers having sum(state = '') > 0 and sum(state is null) > 0 and sum(state > '') > 0""",
    "an absent postal code": "select 1 from customers where postalCode is null",
    "a zero and an absent credit limit": """
        select 1 from customers having sum(creditLimit = 0) > 0 and sum(creditLimit is null) > 0""",
    "a product without stock": "select 1 from products where quantityInStock = 0",
    "two products of one name": "select 1 from products group by productName having count(*) > 1",
    "an apostrophe in a product's name": "select 1 from products where productName like '%''%'",
    "a double quote in a product's name": "select 1 from products where productName like '%\"%'",
    "an apostrophe in a customer's name": "select 1 from customers where customerName like '%''%'",
    "a double quote in a customer's name": "select 1 from customers where customerName like '%\"%'",
    "a customer's name that latin1 cannot hold": """
        select 1 from customers where customerName <> convert(customerName using latin1)
        or city <> convert(city using latin1)""",
    "a picture with a zero byte": "select 1 from productlines where locate(char(0), image) and length(image) < 1000",
    "an empty and an absent picture": """
        select 1 from productlines having sum(length(image) = 0) > 0 and sum(image is null) > 0""",
    "an absent description": "select 1 from productlines where textDescription is null",
    "two payments of a customer on a day": """
        select 1 from payments group by customerNumber, paymentDate having count(*) > 1""",
    "four direct superiors of reps who sell": """
        select 1 from orders join customers using (customerNumber)
        join employees as rep on rep.employeeNumber = salesRepEmployeeNumber
        having count(distinct rep.reportsTo) >= 4""",
    "a rep under a vice president": """
        select 1 from employees as rep join employees as vp on vp.employeeNumber = rep.reportsTo
        join customers on salesRepEmployeeNumber = rep.employeeNumber join orders using (customerNumber)
        where vp.jobTitle like 'VP%' and rep.jobTitle = 'Sales Rep'""",
}
