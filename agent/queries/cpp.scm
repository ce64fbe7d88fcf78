(function_definition declarator: (function_declarator declarator: (identifier) @name)) @definition
(function_definition
  declarator: (pointer_declarator declarator: (function_declarator declarator: (identifier) @name))) @definition
(declaration declarator: (function_declarator declarator: (identifier) @name)) @definition
(declaration
  declarator: (pointer_declarator declarator: (function_declarator declarator: (identifier) @name))) @definition
(struct_specifier name: (type_identifier) @name body: (_)) @definition
(union_specifier name: (type_identifier) @name body: (_)) @definition
(enum_specifier name: (type_identifier) @name body: (_)) @definition
(type_definition declarator: (type_identifier) @name) @definition
(preproc_function_def name: (identifier) @name) @definition
(preproc_def name: (identifier) @name) @definition
(class_specifier name: (type_identifier) @name body: (_)) @definition
(namespace_definition name: (namespace_identifier) @name) @definition
(alias_declaration name: (type_identifier) @name) @definition
(function_definition declarator: (function_declarator declarator: [
  (field_identifier) @name
  (qualified_identifier name: (identifier) @name)
  (qualified_identifier name: (destructor_name (identifier) @name))
  (qualified_identifier name: (qualified_identifier name: (identifier) @name))])) @definition
(function_definition declarator: (_ (function_declarator declarator: [
  (field_identifier) @name
  (qualified_identifier name: (identifier) @name)]))) @definition
(field_declaration declarator: (function_declarator declarator: (field_identifier) @name)) @definition
[(comment) (string_content) (raw_string_content) (char_literal) (system_lib_string)] @prose
