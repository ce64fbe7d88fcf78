(class_declaration name: (_) @name) @definition
(abstract_class_declaration name: (_) @name) @definition
(interface_declaration name: (_) @name) @definition
(type_alias_declaration name: (_) @name) @definition
(enum_declaration name: (_) @name) @definition
(internal_module name: (identifier) @name) @definition
(function_declaration name: (_) @name) @definition
(generator_function_declaration name: (_) @name) @definition
(function_signature name: (_) @name) @definition
(method_definition name: (property_identifier) @name) @definition
(method_signature name: (property_identifier) @name) @definition
(abstract_method_signature name: (property_identifier) @name) @definition
(program (lexical_declaration (variable_declarator name: (identifier) @name)) @definition)
(program (variable_declaration (variable_declarator name: (identifier) @name)) @definition)
(program (export_statement (lexical_declaration (variable_declarator name: (identifier) @name))) @definition)
(variable_declarator name: (identifier) @name value: [(arrow_function) (function_expression) (class)]) @definition
(public_field_definition name: (property_identifier) @name value: (arrow_function)) @definition
(pair key: (property_identifier) @name value: [(arrow_function) (function_expression)]) @definition
[(comment) (string_fragment) (regex_pattern)] @prose
