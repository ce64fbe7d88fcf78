(method name: (_) @name) @definition
(singleton_method name: (_) @name) @definition
(class name: [(constant) @name (scope_resolution name: (constant) @name)]) @definition
(module name: [(constant) @name (scope_resolution name: (constant) @name)]) @definition
(assignment left: (constant) @name) @definition
[(comment) (string_content) (heredoc_content)] @prose
