// SPDX-License-Identifier: BSD-2-Clause
// A plugin that keeps clang-tidy to our own code. Each check would look at every declaration of a file, of which the
// system's headers bring twenty times as many as the file has, and then throw away what it found in them. scripts/tidy
// builds it against the clang that clang-tidy is part of. It does nothing but narrow the view.
#include <memory>
#include <string>
#include <vector>

#include <clang/AST/ASTConsumer.h>
#include <clang/AST/ASTContext.h>
#include <clang/Basic/SourceManager.h>
#include <clang/Frontend/FrontendPluginRegistry.h>

namespace {

// Comes before clang-tidy's own consumer: what is not in the traversal's scope is known, and not visited.
class NarrowView : public clang::ASTConsumer {
    void HandleTranslationUnit(clang::ASTContext& context) override {
        std::vector<clang::Decl*> own;
        // What is precompiled is the system's, and stays unread.
        for (clang::Decl* declared : context.getTranslationUnitDecl()->noload_decls())
            if (!context.getSourceManager().isInSystemHeader(declared->getLocation())) own.push_back(declared);
        context.setTraversalScope(own);
    }
};

class NarrowViewAction : public clang::PluginASTAction {
    std::unique_ptr<clang::ASTConsumer> CreateASTConsumer(clang::CompilerInstance& /*compiler*/,
                                                          llvm::StringRef /*file*/) override {
        return std::make_unique<NarrowView>();
    }
    bool ParseArgs(const clang::CompilerInstance& /*compiler*/, const std::vector<std::string>& /*words*/) override {
        return true;
    }
    ActionType getActionType() override { return AddBeforeMainAction; }
};

const clang::FrontendPluginRegistry::Add<NarrowViewAction> registered("own-code", "keeps to our own code");

}  // namespace
