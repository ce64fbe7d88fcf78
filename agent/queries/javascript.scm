(class_declaration name: (_) @name) @definition
(function_declaration name: (_) @name) @definition
(generator_function_declaration name: (_) @name) @definition
(method_definition name: (property_identifier) @name) @definition
(program (lexical_declaration (variable_declarator name: (identifier) @name)) @definition)
(program (variable_declaration (variable_declarator name: (identifier) @name)) @definition)
(program (export_statement (lexical_declaration (variable_declarator name: (identifier) @name))) @definition)
(variable_declarator name: (identifier) @name value: [(arrow_function) (function_expression) (class)]) @definition
(assignment_expression
  left: [(identifier) @name (member_expression property: (property_identifier) @name)]
  right: [(arrow_function) (function_expression) (class)]) @definition
(field_definition property: (property_identifier) @name value: (arrow_function)) @definition
(pair key: (property_identifier) @name value: [(arrow_function) (function_expression)]) @definition
[(comment) (string_fragment) (regex_pattern)] @prose
