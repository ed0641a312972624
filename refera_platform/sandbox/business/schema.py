"""Table definitions of the eight tables of classicmodels for MariaDB. The rows are generated elsewhere.

Names, types, keys and foreign keys are those of the public MySQL sample. The character set is utf8mb4, so that
generated texts may hold what latin1 cannot.
"""

DATABASE_OPTIONS = "character set utf8mb4 collate utf8mb4_general_ci"
TABLE_OPTIONS = "engine=InnoDB default charset=utf8mb4 collate=utf8mb4_general_ci"

TABLE_DEFINITIONS = {
    "offices": """
        officeCode varchar(10) not null, city varchar(50) not null, phone varchar(50) not null,
        addressLine1 varchar(50) not null, addressLine2 varchar(50) default null, state varchar(50) default null,
        country varchar(50) not null, postalCode varchar(15) not null, territory varchar(10) not null,
        primary key (officeCode)""",
    "employees": """
        employeeNumber int(11) not null, lastName varchar(50) not null, firstName varchar(50) not null,
        extension varchar(10) not null, email varchar(100) not null, officeCode varchar(10) not null,
        reportsTo int(11) default null, jobTitle varchar(50) not null,
        primary key (employeeNumber), key reportsTo (reportsTo), key officeCode (officeCode),
        constraint employees_ibfk_1 foreign key (reportsTo) references employees (employeeNumber),
        constraint employees_ibfk_2 foreign key (officeCode) references offices (officeCode)""",
    "customers": """
        customerNumber int(11) not null, customerName varchar(50) not null, contactLastName varchar(50) not null,
        contactFirstName varchar(50) not null, phone varchar(50) not null, addressLine1 varchar(50) not null,
        addressLine2 varchar(50) default null, city varchar(50) not null, state varchar(50) default null,
        postalCode varchar(15) default null, country varchar(50) not null, salesRepEmployeeNumber int(11) default null,
        creditLimit decimal(10,2) default null,
        primary key (customerNumber), key salesRepEmployeeNumber (salesRepEmployeeNumber),
        constraint customers_ibfk_1 foreign key (salesRepEmployeeNumber) references employees (employeeNumber)""",
    "productlines": """
        productLine varchar(50) not null, textDescription varchar(4000) default null, htmlDescription mediumtext,
        image mediumblob, primary key (productLine)""",
    "products": """
        productCode varchar(15) not null, productName varchar(70) not null, productLine varchar(50) not null,
        productScale varchar(10) not null, productVendor varchar(50) not null, productDescription text not null,
        quantityInStock smallint(6) not null, buyPrice decimal(10,2) not null, MSRP decimal(10,2) not null,
        primary key (productCode), key productLine (productLine),
        constraint products_ibfk_1 foreign key (productLine) references productlines (productLine)""",
    "orders": """
        orderNumber int(11) not null, orderDate date not null, requiredDate date not null,
        shippedDate date default null, status varchar(15) not null, comments text, customerNumber int(11) not null,
        primary key (orderNumber), key customerNumber (customerNumber),
        constraint orders_ibfk_1 foreign key (customerNumber) references customers (customerNumber)""",
    "orderdetails": """
        orderNumber int(11) not null, productCode varchar(15) not null, quantityOrdered int(11) not null,
        priceEach decimal(10,2) not null, orderLineNumber smallint(6) not null,
        primary key (orderNumber, productCode), key productCode (productCode),
        constraint orderdetails_ibfk_1 foreign key (orderNumber) references orders (orderNumber),
        constraint orderdetails_ibfk_2 foreign key (productCode) references products (productCode)""",
    "payments": """
        customerNumber int(11) not null, checkNumber varchar(50) not null, paymentDate date not null,
        amount decimal(10,2) not null,
        primary key (customerNumber, checkNumber),
        constraint payments_ibfk_1 foreign key (customerNumber) references customers (customerNumber)""",
}
"""Body of each CREATE TABLE, parents before children."""
